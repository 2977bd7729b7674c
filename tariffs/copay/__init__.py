"""Medical co-payment: a policy of dated values, and the settlement of one claim by it (docs/copay.md)."""
