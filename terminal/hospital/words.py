"""Why a bill is not made: a word for programs, then what the clerk is told, in two languages."""

EXPOSED = (
    "exposed",
    "离线暂结金额已达上限，请待联网后结算，或按自费结算",
    "the funds' limit for provisional bills is reached: wait for the centre, or let the patient pay in full",
)
CANCEL_UNCLEAR = (
    "cancel_unclear",
    "这笔的撤销结果未明，请先核查那笔撤销",
    "whether this bill was cancelled is unclear: take that cancellation up first",
)
NOT_CANCELLED = (
    "not_cancelled",
    "中心未同意这样撤销，没有退款：请稍候再撤销一次",
    "the centre does not cancel it so, and nothing was given back: wait a moment, then cancel it again",
)
NO_REST = (
    "no_rest",
    "该单据不是此患者已撤销、尚未重结的单据",
    "that is no cancelled bill of this patient, or its rest is settled already",
)
