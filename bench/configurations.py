"""How each peer is configured: what it needs to do the same work, and nothing that it does by default.

No client of the benchmark is on loopback, so nobody's list of internal hosts matters (`InternalHosts` of opendkim,
`IgnoreHosts` of opendmarc, `local_addrs` of rspamd, `local_networks` of Inalign).
"""

from __future__ import annotations

AUTHSERV_ID = "mx.rcpt.example.net"

_OPENDKIM = """\
Socket local:{socket}
PidFile {folder}/{name}.pid
Background no
Syslog no
UserID root
UMask 000
RequireSafeKeys no
SoftwareHeader no
"""

OPENDKIM = f"""\
{_OPENDKIM}\
Mode v
Nameservers 127.0.0.1
AuthservID {{id}}
AlwaysAddARHeader yes
"""

OPENDMARC = """\
Socket local:{socket}
PidFile {folder}/{name}.pid
Background false
Syslog false
UserID root
UMask 000
AuthservID {id}
TrustedAuthservIDs {id}
SPFIgnoreResults true
SPFSelfValidate true
PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat
"""

INALIGN = """\
authserv_id = "{id}"

[milter]
listen = ["unix:{socket}"]
socket_mode = "0666"
workers = 2
"""

INALIGN_RECORDS = f"""\
{INALIGN}
[store]
folder = "{{folder}}/store"
"""

# Without -x it sends its log to syslog and nothing else; it always wants a list of internal hosts.
_DKIMPY_MILTER = """\
Syslog no
UMask 000
Socket local:{socket}
PidFile {folder}/{name}.pid
UserID root
"""

DKIMPY_MILTER = f"""\
{_DKIMPY_MILTER}\
Mode v
AuthservID {{id}}
Canonicalization relaxed/simple
InternalHosts 127.0.0.1
"""

# Signing: one key for every author, for clients in 192.0.2.0/24, where those of the corpus are.
OPENDKIM_SIGNS = f"""\
{_OPENDKIM}\
Mode s
Canonicalization relaxed/relaxed
InternalHosts 192.0.2.0/24
KeyTable csl:key={{first}}:s1:{{key}}
SigningTable csl:*=key
OversignHeaders From
"""

INALIGN_SIGNS = f"""\
{INALIGN}\
local_networks = ["192.0.2.0/24"]

[sign]
unsafe_keys = true

[[sign.key]]
domain = "{{first}}"
selector = "s1"
file = "{{key}}"
for = ["*"]
"""

# It signs with the author's domain and one key for all.
DKIMPY_MILTER_SIGNS = f"""\
{_DKIMPY_MILTER}\
Mode s
Canonicalization relaxed/relaxed
InternalHosts 192.0.2.0/24
Domain {{domains}}
Selector s1
KeyFile {{key}}
"""

# The modules that authenticate and the one that writes the field; no statistics, no Redis, no lists, no actions.
RSPAMD = """\
options {{
  pidfile = "{folder}/{name}.pid";
  filters = "dkim";
  control_socket = "{folder}/{name}-control.sock mode=0666";
  hs_cache_dir = "{cache}";
  dynamic_conf = "{folder}/{name}-dynamic";
  url_tld = "/usr/share/rspamd/effective_tld_names.dat";
  tempdir = "{folder}";
  local_addrs = ["127.0.0.0/8"];
  dns {{ nameserver = ["127.0.0.1:53:10"]; timeout = 1s; sockets = 16; retransmits = 3; }}
}}
logging {{ type = "console"; level = "error"; }}
modules {{
  path = "/usr/share/rspamd/plugins/spf.lua";
  path = "/usr/share/rspamd/plugins/dmarc.lua";
  path = "/usr/share/rspamd/plugins/arc.lua";
  path = "/usr/share/rspamd/plugins/milter_headers.lua";
}}
lua = "/dev/null";
worker "rspamd_proxy" {{
  bind_socket = "{socket} mode=0666";
  milter = yes;
  timeout = 60s;
  count = 2;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
actions {{ reject = 1000; add_header = 999; greylist = 998; }}
spf {{ spf_cache_size = 2k; spf_cache_expire = 1d; min_cache_ttl = 5m; }}
dkim {{ dkim_cache_size = 2k; dkim_cache_expire = 1d; time_jitter = 6h; trusted_only = false; }}
dmarc {{ enabled = true; }}
arc {{ enabled = true; sign_local = false; sign_inbound = false; }}
milter_headers {{
  use = ["authentication-results"];
  skip_local = false;
  skip_authenticated = false;
  routines {{ authentication-results {{ hostname = "{id}"; }} }}
}}
"""
