"""The hospital counter: identify, look up, settle, reconcile; docs/hospital.md tells its day."""
