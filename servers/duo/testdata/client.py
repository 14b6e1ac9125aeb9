"""Duo's own Python client through its main flows and its error paths. Usage:
client.py HOST CA PROXY_HOST PROXY_PORT IKEY SKEY, with commands as lines of JSON
on standard input: [method, args]. Each is answered by one line of JSON."""
import json
import ssl
import sys
import time

import duo_client
import duo_client.auth_v1

host, ca, proxy_host, proxy_port, ikey, skey = sys.argv[1:]


def connect(kind, key=skey, integration=ikey, ca_certs=ca, **more):
    api = kind(ikey=integration, skey=key, host=host, ca_certs=ca_certs, timeout=8, **more)
    api.set_proxy(proxy_host, int(proxy_port))
    return api


apis = {
    "auth": connect(duo_client.Auth),
    "old": connect(duo_client.auth_v1.AuthV1),
    "wrong": connect(duo_client.Auth, key="B" * 40),
    "unknown": connect(duo_client.Auth, integration="DINOBODYNOBODYNOBODY"),
    "pinned": connect(duo_client.Auth, ca_certs=None),
}
print(json.dumps(["version", duo_client.__version__, apis["auth"].sig_version]), flush=True)
for line in sys.stdin:
    api, method, args = json.loads(line)
    began = time.monotonic()
    try:
        answer = {"ok": getattr(apis[api], method)(**args)}
    except RuntimeError as e:
        answer = {"error": str(e)}
    except (ssl.SSLError, OSError) as e:
        answer = {"error": "{}: {}".format(type(e).__name__, e)}
    answer["took"] = time.monotonic() - began
    print(json.dumps(answer), flush=True)
