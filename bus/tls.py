"""What a fault of TLS means, and what mends it: OpenSSL's words name neither file nor setting."""

import ssl
from typing import NamedTuple


class Named(NamedTuple):
    """What a fault may be about, by the names of the settings that say it."""

    authority: str
    own: str
    address: str


TIMES = {9: "the server's certificate is not valid yet", 10: "the server's certificate has expired"}
HOSTS = {
    62: "the server's certificate is for another host",
    64: "the server's certificate is for another address",
}
"""By OpenSSL's code of a verification (`X509_V_ERR_…` of x509_vfy.h)."""

CERT_WANTED = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "BAD_CERTIFICATE", "UNKNOWN_CA")
"""How a server refuses our certificate, or that there is none (alerts 116, 40, 42 and 48 of RFC 8446)."""

REFUSED_OURS = "the server takes only a certificate of ours that it knows"


def explained(error: BaseException | None, named: Named) -> str:
    """Return what a fault of TLS means and which setting mends it; "" if it is none."""
    match error:
        case ssl.SSLCertVerificationError() if error.verify_code in TIMES:
            return f"TLS: {TIMES[error.verify_code]}; have it renewed"
        case ssl.SSLCertVerificationError() if error.verify_code in HOSTS:
            return f"TLS: {HOSTS[error.verify_code]}; name it in {named.address}"
        case ssl.SSLCertVerificationError():
            return f"TLS: nobody known here signed the server's certificate; see {named.authority}"
        case ssl.SSLError() if any(word in str(error).upper().replace(" ", "_") for word in CERT_WANTED):
            return f"TLS: {REFUSED_OURS}; see {named.own}"
        case ssl.SSLError():
            return f"TLS: {error.reason or error}"
        case _:
            return ""
