package httpapi_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/serving/dialect"
)

var table = httpapi.Words[int]{
	Of:    map[cause.Cause]int{cause.Locked: 423, cause.WrongCode: 203, cause.Pending: 400},
	Other: 400, Unavailable: 503, Internal: 500,
	Outcomes: map[cause.Cause]dialect.Outcome{cause.Pending: dialect.Challenge},
	Write:    func(c echo.Context, status int, err error) { c.String(status, cause.Why(err)) },
}

// told answers err on a call that the fleet has opened, and is the status and outcome.
func told(t *testing.T, err error, answer func(error, echo.Context), mark func(*dialect.Call)) (int, dialect.Outcome) {
	t.Helper()
	r := httptest.NewRequest("GET", "/auth/x", nil)
	ctx, call := dialect.Begin(r.Context(), "x")
	if mark != nil {
		mark(call)
	}
	rec := httptest.NewRecorder()
	answer(call.Refuse(err), echo.New().NewContext(r.WithContext(ctx), rec))
	return rec.Code, call.Outcome
}

func TestWords(t *testing.T) {
	for _, x := range []struct {
		err     error
		status  int
		outcome dialect.Outcome
	}{
		{cause.Because(cause.Locked, "x"), 423, dialect.DeniedOutcome},
		{fmt.Errorf("wrapped: %w", cause.WrongCode), 203, dialect.DeniedOutcome}, // whatever the status says
		{cause.Pending, 400, dialect.Challenge},
		{cause.NotFound, 400, dialect.DeniedOutcome},
		{cause.BadInput, 400, dialect.Failed},
		{fmt.Errorf("x: %w", state.ErrUnavailable), 503, dialect.Internal},
		{errors.New("disk"), 500, dialect.Internal},
	} {
		if status, outcome := told(t, x.err, table.Answer, nil); status != x.status || outcome != x.outcome {
			t.Errorf("%v: %d, %s", x.err, status, outcome)
		}
	}
	if _, outcome := told(t, cause.Pending, table.Answer, func(c *dialect.Call) { c.NotPlayed("f") }); outcome != dialect.Unplayed {
		t.Errorf("what is not played is %s", outcome)
	}
}

func TestFamiliesHaveTheirOwnWords(t *testing.T) {
	other := table
	other.Of = map[cause.Cause]int{cause.Locked: 401}
	for prefix, want := range map[string]int{"/auth/": 401, "/AUTH/": 401, "/x/": 423, "/auth/xyz": 423} {
		answer := httpapi.Families(table.Answer, httpapi.Family{Has: httpapi.Under(prefix, true), Answer: other.Answer})
		if status, _ := told(t, cause.Locked, answer, nil); status != want {
			t.Errorf("%s: %d", prefix, status)
		}
	}
	if httpapi.Under("/AUTH/", false)("/auth/x") {
		t.Error("case does not count")
	}
}

func TestMethodNotAllowed(t *testing.T) {
	routes := []dialect.Route{{Method: "PUT", Path: "/a/:x"}, {Method: "GET", Path: "/a/:x"}, {Method: "GET", Path: "/b"}}
	for path, want := range map[string]string{"/a/1": "GET, PUT", "/b": "GET", "/c": ""} {
		rec := httptest.NewRecorder()
		err := httpapi.MethodNotAllowed(echo.New().NewContext(httptest.NewRequest("POST", path, nil), rec), routes)
		if got := rec.Header().Get("Allow"); got != want || (err == nil) != (want == "") || err != nil && !errors.Is(err, httpapi.WrongMethod) {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}
