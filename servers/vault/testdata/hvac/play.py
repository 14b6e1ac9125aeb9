"""Plays hvac against a Vault: play.py URL [CA]. One line per thing seen."""
import json
import sys

import hvac
from hvac import exceptions

URL = sys.argv[1]
VERIFY = sys.argv[2] if len(sys.argv) > 2 else True


def client(token=None):
    return hvac.Client(url=URL, token=token, verify=VERIFY)


def see(what, call, *path):
    """What a call gives: a part of its answer, or the exception with its words."""
    try:
        out = call()
    except exceptions.VaultError as e:
        out = [type(e).__name__, e.errors]
    else:
        for key in path:
            out = out[key]
        if hasattr(out, "status_code"):
            out = [out.status_code, out.text]
    print(what, json.dumps(out, sort_keys=True), ";;")


root = client("root")
see("authenticated", root.is_authenticated)
see("not authenticated", client("nosuch").is_authenticated)
see("without a token", client().is_authenticated)
see("health", lambda: root.sys.read_health_status())
see("health by GET", lambda: root.sys.read_health_status(method="GET"), "version")
see("sealed", root.sys.is_sealed)
see("initialized", root.sys.is_initialized)
see("seal status", root.sys.read_seal_status, "t")
see("leader", root.sys.read_leader_status, "ha_enabled")
see("mounts", lambda: sorted(root.sys.list_mounted_secrets_engines()["data"]))
see("auth methods", lambda: sorted(root.sys.list_auth_methods()["data"]))

v2 = root.secrets.kv.v2
see("no secret", lambda: v2.read_secret_version("app", raise_on_deleted_version=True))
see("put", lambda: v2.create_or_update_secret("app", {"password": "titkos"}, cas=0), "data", "version")
see("check and set", lambda: v2.create_or_update_secret("app", {"password": "x"}, cas=0))
see("get", lambda: v2.read_secret_version("app", raise_on_deleted_version=True), "data", "data")
see("patch", lambda: v2.patch("app", {"more": "yes"}), "data", "version")
see("patch nothing", lambda: v2.patch("none", {"more": "yes"}))
see("list", lambda: v2.list_secrets(""), "data", "keys")
see("list nothing", lambda: v2.list_secrets("none"))
see("delete", lambda: v2.delete_latest_version_of_secret("app"))
see("deleted", lambda: v2.read_secret_version("app", raise_on_deleted_version=True))
see("deleted, as data", lambda: v2.read_secret_version("app", raise_on_deleted_version=False), "data", "data")
see("undelete", lambda: v2.undelete_secret_versions("app", [2]))
see("destroy", lambda: v2.destroy_secret_versions("app", [1]))
see("metadata", lambda: v2.read_secret_metadata("app"), "data", "current_version")
see("update metadata", lambda: v2.update_metadata("app", max_versions=5, custom_metadata={"owner": "ops"}))
see("configuration", v2.read_configuration, "data")
see("delete metadata", lambda: v2.delete_metadata_and_all_versions("app"))

see("enable", lambda: root.sys.enable_secrets_engine("kv", path="kv1", options={"version": 1}))
see("twice", lambda: root.sys.enable_secrets_engine("kv", path="kv1"))
v1 = root.secrets.kv.v1
see("put in version 1", lambda: v1.create_or_update_secret("app", {"password": "titkos"}, mount_point="kv1", method="PUT"))
see("without a method", lambda: v1.create_or_update_secret("a/b", {"password": "titkos"}, mount_point="kv1"))
see("get of version 1", lambda: v1.read_secret("app", mount_point="kv1"), "data")
see("list of version 1", lambda: v1.list_secrets("", mount_point="kv1"), "data", "keys")
see("strict list", lambda: hvac.Client(url=URL, token="root", verify=VERIFY, strict_http=True).list("kv1"), "data", "keys")
see("nothing in version 1", lambda: v1.read_secret("none", mount_point="kv1"))
see("doubled slashes", lambda: root.read("kv1//app"), "data")

see("policy", lambda: root.sys.create_or_update_policy("reader", 'path "kv1/*" { capabilities = ["read"] }'))
see("bad policy", lambda: root.sys.create_or_update_policy("bad", "path {"))
see("read policy", lambda: root.sys.read_policy("reader"), "data", "rules")
see("userpass", lambda: root.sys.enable_auth_method("userpass"))
see("user", lambda: root.auth.userpass.create_or_update_user("alice", "Alice-Pass-1", policies=["reader"]))
see("wrong password", lambda: client().auth.userpass.login("alice", "wrong"))
alice = client()
see("login", lambda: alice.auth.userpass.login("alice", "Alice-Pass-1"), "auth", "policies")
see("is authenticated", alice.is_authenticated)
see("may read", lambda: alice.secrets.kv.v1.read_secret("app", mount_point="kv1"), "data")
see("may not write", lambda: alice.secrets.kv.v1.create_or_update_secret("app", {"x": 1}, mount_point="kv1", method="PUT"))
see("lookup", alice.auth.token.lookup_self, "data", "display_name")
see("renew", alice.auth.token.renew_self, "auth", "renewable")
see("capabilities", lambda: root.sys.get_capabilities(["kv1/app", "x"], token=alice.token), "data")
see("logout", lambda: alice.logout(revoke_token=True))

see("approle", lambda: root.sys.enable_auth_method("approle"))
see("role", lambda: root.auth.approle.create_or_update_approle("sps", token_policies=["reader"], secret_id_num_uses=1))
role = root.auth.approle.read_role_id("sps")["data"]["role_id"]
secret = root.auth.approle.generate_secret_id("sps", metadata={"who": "sps"})["data"]["secret_id"]
see("no role", lambda: root.auth.approle.generate_secret_id("nosuch"))
see("login of the role", lambda: client().auth.approle.login(role, secret), "auth", "metadata")
see("used up", lambda: client().auth.approle.login(role, secret))

see("token", lambda: root.auth.token.create(policies=["reader"], ttl="1h"), "auth", "lease_duration")
see("bad lookup", lambda: root.auth.token.lookup("nosuch"))
wrapped = root.auth.token.create(policies=["reader"], ttl="1h", wrap_ttl="1m")["wrap_info"]["token"]
see("unwrap", lambda: client().sys.unwrap(wrapped), "auth", "policies")
see("unwrap twice", lambda: client().sys.unwrap(wrapped))
see("no route", lambda: root.read("nosuch/x"))
see("no operation", lambda: root.secrets.kv.v1.list_secrets("x", mount_point="sys/health"))
see("seal", root.sys.seal)
see("sealed now", root.sys.is_sealed)
see("health of a sealed one", lambda: root.sys.read_health_status())
see("read of a sealed one", lambda: root.read("kv1/app"))
