package servicenow_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/servicenow"
)

// crowd is an instance with many tickets, without a port.
func crowd(t testing.TB, n int) http.Handler {
	t.Helper()
	h, _ := crowdOf(t, n)
	return h
}

// crowdOf is crowd with its server.
func crowdOf(t testing.TB, n int, more ...func(*world.Facts)) (http.Handler, *servicenow.Server) {
	t.Helper()
	facts := world.Facts{RandomSeed: 1, Organization: world.Organization{Domain: "acme.test"}, Users: []world.User{{ID: "alice", Name: "alice", DisplayName: "Alice Adams", Password: "pw", Status: world.Active}}}
	for i := range n {
		facts.Tickets = append(facts.Tickets, world.Ticket{ID: fmt.Sprintf("INC%07d", i), System: "servicenow", Kind: "incident", Title: fmt.Sprint("ticket ", i), State: "new", Approval: "not_requested", Requester: "alice", Assignee: "alice"})
	}
	for _, add := range more {
		add(&facts)
	}
	w, err := world.New(facts)
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	store := state.NewMemory(c)
	env := dialect.Env{Name: "sn", World: w, Store: state.Under(store, "server/"), Clock: c, Rand: w.Derive("test"), Log: slog.New(slog.DiscardHandler),
		Logins:  signin.New(signin.Config{World: w, Store: store, Clock: c, Rand: w.Derive("signin")}),
		Tickets: ticket.New(ticket.Config{World: w, Store: store, Clock: c, Rand: w.Derive("ticket")}),
		Decode: func(v any) error {
			s := v.(*servicenow.Settings)
			s.System, s.DefaultRole, s.TimeZone, s.InvalidQuery, s.ClosedSkipped = "servicenow", "itil", "UTC", "drop", "7"
			return nil
		}}
	srv, err := servicenow.New(env)
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	h := srv.Ports()[0].HTTP
	for _, r := range h.Routes {
		e.Add(r.Method, r.Path, r.Do)
	}
	e.HTTPErrorHandler = h.Error
	return e, srv.(*servicenow.Server)
}

// TestPeopleAreFoundByNameWithoutAllOthers: what a query by login name or e-mail
// address finds is what going through the table finds.
func TestPeopleAreFoundByNameWithoutAllOthers(t *testing.T) {
	h, _ := crowdOf(t, 1, func(f *world.Facts) {
		f.Users = append(f.Users, world.User{ID: "bob", Name: "Bob", Email: "b@acme.test", Aliases: []string{"robert"}})
		f.Generated = world.Generated{Users: 500, Domain: "acme.test", Password: "x"}
		f.Clients = []world.Client{{ID: "sps", Name: "sps", Secret: "s", Role: "admin"}}
	})
	for _, v := range []string{"user000005", "USER000499", "alice", "bob", "robert", "sps", "nobody", "renamed", "fresh", "user000501", "b@acme.test", "user000007@acme.test", "new@acme.test", "user000009@acme.test"} {
		for _, field := range []string{"user_name", "email"} {
			scan := ask(t, h, "sys_user?sysparm_query="+field+"STARTSWITH"+v+"^"+field+"ENDSWITH"+v).Body.String()
			for _, q := range []string{field + "=" + v, "active!=x^" + field + "=" + v, field + "IN" + v + ",none", field + "=" + v + "^NQ" + field + "=none"} {
				if got := ask(t, h, "sys_user?sysparm_query="+q).Body.String(); got != scan {
					t.Errorf("%s: %s\nwant %s", q, got, scan)
				}
			}
		}
	}
	if got, want := ask(t, h, "sys_user?sysparm_query=email=").Header().Get("X-Total-Count"), ask(t, h, "sys_user?sysparm_query=emailISEMPTY").Header().Get("X-Total-Count"); got != want {
		t.Errorf("%s have no address, want %s", got, want)
	}
}

func ask(t testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest("GET", "/api/now/table/"+path, nil)
	req.SetBasicAuth("alice", "pw")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code != 200 {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w
}

// discard is an answer that nobody keeps.
type discard struct {
	header http.Header
	octets int
	most   uint64 // live heap, in octets
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(p []byte) (int, error) {
	if d.octets>>23 != (d.octets+len(p))>>23 { // every 8 MiB
		d.most = max(d.most, live())
	}
	d.octets += len(p)
	return len(p), nil
}

// live is the heap without garbage.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestAHundredThousandTickets(t *testing.T) {
	h := crowd(t, 100_000)
	id := ask(t, h, "incident?number=INC0077777&sysparm_fields=sys_id").Body.String()[len(`{"result":[{"sys_id":"`):][:32]
	began := time.Now()
	if w := ask(t, h, "incident?sysparm_limit=10&sysparm_query=short_descriptionENDSWITH777^ORDERBYDESCnumber"); w.Header().Get("X-Total-Count") != "100" {
		t.Errorf("%s rows", w.Header().Get("X-Total-Count"))
	}
	scan := time.Since(began)
	began = time.Now()
	for _, q := range []string{"incident?sysparm_query=active=true^number=inc0077777", "task?sysparm_query=numberININC0077777,NONE", "incident?sysparm_query=sys_id=" + id, "incident/" + id} {
		for range 25 {
			if w := ask(t, h, q); !strings.Contains(w.Body.String(), `"number":"INC0077777"`) {
				t.Fatalf("%s: %s", q, w.Body)
			}
		}
	}
	if each := time.Since(began) / 100; each > scan/10 {
		t.Errorf("one row takes %s, all of them %s", each, scan)
	}
	before := live()
	req := httptest.NewRequest("GET", "/api/now/table/incident?sysparm_limit=20000&sysparm_query=ORDERBYDESCshort_description", nil)
	req.SetBasicAuth("alice", "pw")
	all := &discard{header: http.Header{}}
	h.ServeHTTP(all, req)
	more := int64(all.most) - int64(before)
	if all.octets < 40<<20 || more > 40<<20 {
		t.Errorf("%d MiB were answered with %d MiB more in use than the %d before", all.octets>>20, more>>20, before>>20)
	}
	t.Logf("a scan takes %s; %d MiB leave with %d MiB in use beside %d", scan, all.octets>>20, more>>20, before>>20)
}

// TestABatchIsBounded asks for more within a batch than one may answer.
func TestABatchIsBounded(t *testing.T) {
	h := crowd(t, 20_000)
	req := httptest.NewRequest("POST", "/api/now/v1/batch", strings.NewReader(`{"batch_request_id":1,"rest_requests":[
		{"id":"all","method":"GET","url":"/api/now/table/incident?sysparm_limit=20000","headers":[]},
		{"id":"one","method":"GET","url":"/api/now/table/incident?sysparm_limit=1","headers":[]}]}`))
	req.SetBasicAuth("alice", "pw")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code != 200 || w.Body.Len() > 1<<20 || !strings.Contains(w.Body.String(), `"unserviced_requests":["all"]`) || !strings.Contains(w.Body.String(), `"id":"one","status_code":200`) {
		t.Errorf("%d, %d octets: %.300s", w.Code, w.Body.Len(), w.Body)
	}
}

func BenchmarkByNumber(b *testing.B) {
	h := crowd(b, 100_000)
	for b.Loop() {
		ask(b, h, "incident?sysparm_query=active=true^number=INC0077777")
	}
}

// TestAQueryThatCostsTooMuchIsEnded: in the instance's own way, before the first
// row and between rows; and a reference is followed once per row.
func TestAQueryThatCostsTooMuchIsEnded(t *testing.T) {
	h, srv := crowdOf(t, 1000)
	const walks = 200
	query := "incident?sysparm_fields=number,assigned_to.name&sysparm_limit=1000&sysparm_query=assigned_to.nameLIKEalice" + strings.Repeat("%5Eassigned_to.nameLIKEadams", walks)
	ended := `],"error":{"message":"Transaction cancelled: maximum execution time exceeded","detail":"maximum execution time exceeded Check logs for error trace or enable glide.rest.debug property to verify REST request processing"},"status":"failure"}`
	srv.SetQuota(1000 * (walks + 100))
	if w := ask(t, h, query); strings.Contains(w.Body.String(), `"error"`) || strings.Count(w.Body.String(), "Alice Adams") != 1000 {
		t.Errorf("%.300s", w.Body)
	}
	srv.SetQuota(1000 * 100)
	if w := ask(t, h, query); w.Body.String() != `{"result":[`+ended || w.Header().Get("X-Total-Count") != "" {
		t.Errorf("%.300s", w.Body)
	}
	srv.SetQuota(100 * 50)
	if w := ask(t, h, "incident?sysparm_fields=number,assigned_to.name"); !strings.HasPrefix(w.Body.String(), `{"result":[{"number":"INC0000000"`) || !strings.HasSuffix(w.Body.String(), `"}`+ended) {
		t.Errorf("%s", w.Body)
	}
}
