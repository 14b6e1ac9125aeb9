"""The main flows of PySNC and its error paths, against an instance at SN_HOST."""
import os
import socket
import tempfile

from pysnc import ServiceNowClient, exceptions
from pysnc.auth import ServiceNowClientCredentialsFlow, ServiceNowJWTAuth, ServiceNowPasswordGrantFlow

BASE = "https://" + os.environ["SN_HOST"]
CA = os.environ["REQUESTS_CA_BUNDLE"]


def client(auth=("root.admin", "pw"), **kw):
    return ServiceNowClient(BASE, auth, **kw)


def raises(kind, f):
    try:
        f()
    except kind as e:
        return e
    raise AssertionError("no %s" % kind.__name__)


def query():
    gr = client().GlideRecord("change_request", batch_size=2)
    gr.add_query("number", "STARTSWITH", "CHG")
    gr.add_query("active", "true").add_or_condition("state", "3")
    gr.order_by("number")
    gr.query()
    assert gr.get_row_count() == 3
    assert [r.get_value("number") for r in gr] == ["CHG0000038", "CHG0000039", "CHG0000040"]
    gr = client().GlideRecord("change_request")
    assert gr.get("number", "CHG0000038")
    assert gr.get_value("state") == "-1" and gr.get_display_value("state") == "Implement"
    assert gr.get_display_value("assigned_to") == "Alice Adams" and len(gr.get_value("assigned_to")) == 32
    again = client().GlideRecord("change_request")
    assert again.get(gr.get_value("sys_id")) and again.number == "CHG0000038"
    assert not client().GlideRecord("change_request").get("0" * 32)
    assert not client().GlideRecord("change_request").get("number", "NONE")
    gr.fields = ["number", "assigned_to.user_name"]
    limited = client().GlideRecord("task")
    limited.fields = "number,assigned_to.user_name"
    limited.limit = 1
    limited.add_null_query("closed_at")
    limited.query()
    rows = [(r.get_value("number"), r.get_value("assigned_to.user_name")) for r in limited]
    assert rows == [("CHG0000038", "alice")], rows


def writes():
    c = client()
    gr = c.GlideRecord("problem")
    gr.initialize()
    gr.short_description = "from pysnc"
    gr.description = "x"
    sys_id = gr.insert()
    assert sys_id and len(str(sys_id)) == 32, sys_id
    gr.short_description = "changed"
    assert gr.update() and gr.get_value("sys_mod_count") == "1"
    att_file = tempfile.NamedTemporaryFile(mode="w", suffix=".txt", delete=False)
    att_file.write("line one\nline two")
    att_file.close()
    with open(att_file.name, "rb") as f:
        assert gr.add_attachment("notes.txt", f, content_type="text/plain")
    att = gr.get_attachments()
    names = [(a.file_name, a.readlines()) for a in att]
    assert names == [("notes.txt", ["line one", "line two"])], names
    assert gr.delete()
    assert not c.GlideRecord("problem").get(str(sys_id))
    for i in range(30):
        x = c.GlideRecord("problem")
        x.initialize()
        x.short_description = "bulk"
        assert x.insert()
    bulk = c.GlideRecord("problem")
    bulk.add_query("short_description", "bulk")
    bulk.query()
    assert len(bulk) == 30
    while bulk.next():
        bulk.description = "updated in one batch"
    assert bulk.update_multiple()
    done = c.GlideRecord("problem")
    done.add_query("description", "updated in one batch")
    done.query()
    assert done.get_row_count() == 30
    assert done.delete_multiple()
    gone = c.GlideRecord("problem")
    gone.add_query("short_description", "bulk")
    gone.query()
    assert gone.get_row_count() == 0


def long_query():
    gr = client().GlideRecord("change_request")
    gr.add_query("number", "IN", ",".join(["CHG%07d" % n for n in range(2000)]))
    gr.query()
    assert gr.get_row_count() == 3, gr.get_row_count()


def errors():
    raises(exceptions.AuthenticationException, lambda: client(("root.admin", "wrong")).GlideRecord("problem").query())
    raises(exceptions.RequestException, lambda: client().GlideRecord("nosuch").query())
    gr = client(("svc-sps", "pw")).GlideRecord("incident")
    assert gr.get("number", "INC0000046")
    raises(exceptions.RoleException, gr.delete)
    gr.state = "6"
    raises(exceptions.RoleException, gr.update)
    e = raises(exceptions.RequestException, lambda: client(("breaks", "pw")).GlideRecord("incident").query())
    assert "Maximum execution time exceeded" in str(vars(e)) + str(e), vars(e)
    limited = client(("limited", "pw")).GlideRecord("incident")
    limited.query()
    raises(Exception, lambda: client(("limited", "pw"), auto_retry=False).GlideRecord("incident").query())


def oauth():
    flow = ServiceNowPasswordGrantFlow("alice", "Alice-Pass-1", "c1", "s1")
    gr = client(flow, verify=CA).GlideRecord("change_request")
    assert gr.get("number", "CHG0000038")
    gr = client(ServiceNowClientCredentialsFlow("c1", "s1"), verify=CA).GlideRecord("change_request")
    assert gr.get("number", "CHG0000038")
    raises(exceptions.AuthenticationException, lambda: client(ServiceNowClientCredentialsFlow("c1", "no")))


def vendor_name():
    """An instance by its bare name; the name resolves to the fleet. PySNC asks for
    tokens of a JWT at the host without its port, so that it needs this too."""
    ip, port = os.environ["SN_HOST"].split(":")
    resolve = socket.getaddrinfo

    def redirected(host, *args, **kw):
        if host == "sn1.service-now.com":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, int(port)))]
        return resolve(host, *args, **kw)

    socket.getaddrinfo = redirected
    try:
        gr = ServiceNowClient("sn1", ServiceNowJWTAuth("c1", "s1", os.environ["SN_JWT"])).GlideRecord("change_request")
        assert gr.get("number", "CHG0000038")
        gr = ServiceNowClient("sn1", ServiceNowJWTAuth("c1", "s1", "a.b.c")).GlideRecord("change_request")
        raises(AssertionError, lambda: gr.get("number", "CHG0000038"))
    finally:
        socket.getaddrinfo = resolve


def certificate():
    gr = ServiceNowClient(BASE, cert=(os.environ["SN_CERT"], os.environ["SN_KEY"])).GlideRecord("change_request")
    assert gr.get("number", "CHG0000038")


if __name__ == "__main__":
    for flow in (query, writes, long_query, errors, oauth, vendor_name, certificate):
        flow()
        print("ok", flow.__name__)
