"""SPF, RFC 7208: may this host use this domain in HELO or MAIL FROM?"""

from inalign.spf.check import check_helo, check_spf
from inalign.spf.evaluation import LIMITS, SpfLimits
from inalign.spf.record import SpfRecord, SpfRecordError, parse_spf_record
from inalign.spf.result import SpfLookup, SpfReason, SpfResult, SpfScope, SpfStatus

__all__ = [
    "LIMITS",
    "SpfLimits",
    "SpfLookup",
    "SpfReason",
    "SpfRecord",
    "SpfRecordError",
    "SpfResult",
    "SpfScope",
    "SpfStatus",
    "check_helo",
    "check_spf",
    "parse_spf_record",
]
