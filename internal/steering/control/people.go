package control

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
)

// peopleRoutes are what people and their phones would show and do.
func (s *Server) peopleRoutes() []dialect.Route {
	return []dialect.Route{
		s.route("GET", "/approvals", s.approvals),
		s.route("POST", "/approvals/:id", s.decide),
		s.route("POST", "/users/:user/unlock", s.unlock),
		s.heavy("GET", "/outbox", s.outbox),
		s.heavy("GET", "/leases", s.leases),
		s.route("POST", "/leases/:id/force", s.force),
		s.heavy("GET", "/tokens", s.tokens),
		s.heavy("GET", "/requests", s.requests),
		s.route("POST", "/requests/:id", s.grant),
	}
}

// person is the ID of the person whom the query names, "" for nobody.
func (s *Server) person(c echo.Context) (string, error) {
	name := c.QueryParam("user")
	if name == "" {
		return "", nil
	}
	u, ok := s.World.Login(name)
	if !ok {
		return "", cause.Because(cause.UnknownUser, "nobody is called %q", name)
	}
	return u.ID, nil
}

// look is how often a held request looks for an approval: other processes may
// make one, too.
const look = 20 * time.Millisecond

// eachLook is what each client that waits adds to that.
const eachLook = 200 * time.Microsecond

// approvals lists them; ?wait=10s holds the request until there is one.
func (s *Server) approvals(c echo.Context) error {
	if err := known(c, "user", "state", "wait"); err != nil {
		return err
	}
	user, err := s.person(c)
	if err != nil {
		return err
	}
	want, err := word(c, "state", factor.Pending, factor.Approved, factor.Denied, factor.Expired, factor.Cancelled)
	if err != nil {
		return err
	}
	d, err := wait(c, "wait", 0)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), d)
	defer cancel()
	defer s.untilStop(cancel)()
	s.readers.Add(1)
	defer s.readers.Add(-1)
	all, err := s.Factors.Approvals(context.WithoutCancel(ctx), user)
	for {
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(a factor.Approval) bool { return want != "" && a.State != want || user != "" && a.UserID != user })
		if len(all) > 0 || ctx.Err() != nil {
			return c.JSON(http.StatusOK, map[string]any{"approvals": orEmpty(all)})
		}
		t := time.NewTimer(look + time.Duration(s.readers.Load())*eachLook)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
		all, err = s.lately(context.WithoutCancel(ctx))
	}
}

// glance is a look at everybody's approvals, which all who wait for one share: what
// they cost together does not depend on how many they are.
type glance struct {
	mu  sync.Mutex
	at  time.Duration // real time; 0: nobody has looked
	all []factor.Approval
}

// lately are everybody's approvals as they were, at most, one look ago. They are the
// caller's.
func (s *Server) lately(ctx context.Context) ([]factor.Approval, error) {
	g := &s.glance
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, now := s.Clock.Both(); g.at == 0 || now-g.at >= look {
		all, err := s.Factors.Approvals(ctx, "")
		if err != nil {
			return nil, err
		}
		g.at, g.all = now, all
	}
	return slices.Clone(g.all), nil
}

func orEmpty[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

var verdicts = map[string]factor.Verdict{
	"approve": {State: factor.Approved}, "deny": {State: factor.Denied}, "fraud": {State: factor.Denied, Fraud: true},
	"expire": {State: factor.Expired}, "cancel": {State: factor.Cancelled},
}

// decide ends a pending approval: by its ID, or the latest of a person.
func (s *Server) decide(c echo.Context) error {
	var in struct {
		Verdict string `json:"verdict"`
		By      string `json:"by"`
		Number  string `json:"number"`
	}
	if err := known(c, "user"); err != nil {
		return err
	}
	if err := read(c, &in, false); err != nil {
		return err
	}
	v, ok := verdicts[in.Verdict]
	if !ok {
		return cause.Because(cause.BadInput, "verdict must be approve, deny, fraud, expire or cancel, not %q", in.Verdict)
	}
	ctx, id := c.Request().Context(), c.Param("id")
	user, err := s.person(c)
	if err != nil {
		return err
	}
	if id == "latest" {
		if id, err = s.latest(ctx, user); err != nil {
			return err
		}
	}
	v.Number = in.Number
	if v.By = in.By; v.By == "" {
		v.By = "control"
	}
	a, err := s.Factors.Decide(ctx, id, v)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, a)
}

func (s *Server) latest(ctx context.Context, user string) (string, error) {
	all, err := s.Factors.Approvals(ctx, user)
	if err != nil {
		return "", err
	}
	for _, a := range slices.Backward(all) {
		if a.State == factor.Pending {
			return a.ID, nil
		}
	}
	if user == "" {
		user = "anybody"
	}
	return "", cause.Because(cause.UnknownRequest, "no approval of %s is pending", user)
}

// unlock ends whatever locks somebody out: wrong passwords, wrong codes, the
// failures that one system counts.
func (s *Server) unlock(c echo.Context) error {
	u, ok := s.World.Login(c.Param("user"))
	if !ok {
		return cause.Because(cause.UnknownUser, "nobody is called %q", c.Param("user"))
	}
	ctx := c.Request().Context()
	if err := s.Logins.Unlock(ctx, u.ID); err != nil {
		return err
	}
	if err := s.Factors.UnlockUser(ctx, u.ID); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"user": u.ID})
}

// outbox lists what was delivered to one person or to everybody.
func (s *Server) outbox(c echo.Context) error {
	if err := known(c, "user"); err != nil {
		return err
	}
	user, err := s.person(c)
	if err != nil {
		return err
	}
	all, err := s.Factors.Delivered(c.Request().Context(), user)
	if err != nil {
		return err
	}
	return list(c, "messages", all)
}

// everybody may see and force every lease: whoever has the control port.
var everybody = checkout.Principal{Client: "control", Admin: true}

func (s *Server) leases(c echo.Context) error {
	if err := known(c, "state", "user", "account"); err != nil {
		return err
	}
	want, err := word(c, "state", checkout.Active, checkout.Returned, checkout.Forced, checkout.Expired)
	if err != nil {
		return err
	}
	user, err := s.person(c)
	if err != nil {
		return err
	}
	all, err := s.Accounts.Leases(c.Request().Context(), everybody)
	if err != nil {
		return err
	}
	account := world.Fold(c.QueryParam("account"))
	all = slices.DeleteFunc(all, func(l checkout.Lease) bool {
		return want != "" && l.State != want || user != "" && l.UserID != user || account != "" && world.Fold(l.AccountID) != account
	})
	return list(c, "leases", all)
}

func (s *Server) force(c echo.Context) error {
	l, err := s.Accounts.Force(c.Request().Context(), everybody, c.Param("id"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, l)
}

// requests lists the requests for accounts.
func (s *Server) requests(c echo.Context) error {
	all, err := s.Accounts.Requests(c.Request().Context(), everybody)
	if err != nil {
		return err
	}
	return list(c, "requests", all)
}

// grant decides about a request for an account in the approvers' place.
func (s *Server) grant(c echo.Context) error {
	var in struct {
		Verdict string `json:"verdict"`
		Comment string `json:"comment"`
	}
	if err := read(c, &in, false); err != nil {
		return err
	}
	if in.Verdict != "approve" && in.Verdict != "deny" {
		return cause.Because(cause.BadInput, "verdict must be approve or deny, not %q", in.Verdict)
	}
	r, err := s.Accounts.Decide(c.Request().Context(), everybody, c.Param("id"), in.Verdict == "approve", in.Comment)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, r)
}

func (s *Server) tokens(c echo.Context) error {
	all, err := s.Logins.Alive(c.Request().Context())
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b signin.Token) int { return a.Issued.Compare(b.Issued) })
	return list(c, "tokens", all)
}
