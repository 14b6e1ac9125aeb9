"""Asks a validation server with one of the Python clients: client.py LIBRARY ID KEY OTP URL..."""
import base64
import sys
import time

library, client, key, otp, *urls = sys.argv[1:]
key = key or None
began = time.monotonic()
try:
    if library == "yubico_client":
        from yubico_client.yubico import Yubico

        said = Yubico(client, key, api_urls=urls).verify(otp, timeout=2)
    else:
        from yubiotp import client as yubiotp

        kind = getattr(yubiotp, library)
        asked = kind(api_id=int(client), api_key=key and base64.b64decode(key))
        asked.base_url = urls[0]
        answer = asked.verify(otp)
        said = "%s %s" % (answer.is_ok(), answer.status())
except Exception as error:
    said = "%s %s" % (type(error).__name__, error)
print("%s\n%.1f" % (said, time.monotonic() - began))
