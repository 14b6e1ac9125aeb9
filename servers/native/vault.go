package native

import (
	"net/http"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
)

func (s *Server) vaultRoutes() []dialect.Route {
	const accounts, leases, requests = "/vault/v1/accounts", "/vault/v1/leases", "/vault/v1/requests"
	return []dialect.Route{
		s.route("GET", accounts, reader, s.listAccounts),
		s.route("GET", accounts+"/:account", reader, s.getAccount),
		s.route("GET", accounts+"/:account/password", operator, s.password),
		s.route("GET", accounts+"/:account/key", operator, s.key),
		s.route("GET", accounts+"/:account/history", reader, s.history),
		s.write("POST", accounts+"/:account/rotate", operator, s.rotate),
		s.write("POST", accounts+"/:account/checkout", operator, s.checkout),
		s.write("POST", accounts+"/:account/requests", operator, s.request),
		s.route("GET", leases, reader, s.leases),
		s.route("GET", leases+"/:lease", reader, s.lease),
		s.write("POST", leases+"/:lease/checkin", operator, s.checkin),
		s.write("POST", leases+"/:lease/renew", operator, s.renew),
		s.write("POST", leases+"/:lease/force", operator, s.force),
		s.route("GET", requests, reader, s.requests),
		s.route("GET", requests+"/:request", reader, s.getRequest),
		s.write("POST", requests+"/:request/approve", operator, func(c *caller) error { return s.decide(c, true) }),
		s.write("POST", requests+"/:request/deny", operator, func(c *caller) error { return s.decide(c, false) }),
		s.write("POST", requests+"/:request/withdraw", operator, s.withdraw),
	}
}

// account is an account as its viewers see it.
type account struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Asset       *asset   `json:"asset"` // null for accounts of the directory
	User        string   `json:"user,omitempty"`
	Description string   `json:"description,omitempty"`
	HasPassword bool     `json:"has_password"`
	KeyTypes    []string `json:"key_types"`
	Policy      policy   `json:"policy"`
	MayUse      bool     `json:"may_use"`
	Holders     []holder `json:"holders"`
}

type asset struct {
	Name      string   `json:"name"`
	Address   string   `json:"address,omitempty"`
	Hostnames []string `json:"hostnames"`
	Platform  string   `json:"platform,omitempty"`
}

type policy struct {
	Exclusive        bool   `json:"exclusive"`
	For              string `json:"for,omitempty"`
	Max              string `json:"max,omitempty"`
	Rotate           string `json:"rotate"`
	ApprovalRequired bool   `json:"approval_required"`
	ReasonRequired   bool   `json:"reason_required"`
}

type holder struct {
	Name    string    `json:"name"`
	Expires time.Time `json:"expires"`
}

func (s *Server) shown(c *caller, a world.Account) (account, error) {
	out := account{ID: a.ID, Name: a.Name, User: a.UserID, Description: a.Description, HasPassword: a.HasPassword(), KeyTypes: []string{},
		MayUse: s.Accounts.MayUse(c.Principal, a), Holders: []holder{},
		Policy: policy{Exclusive: a.Checkout.Exclusive, Rotate: string(a.Checkout.Rotate),
			ApprovalRequired: a.Checkout.Approval == "required", ReasonRequired: a.Checkout.Reason == "required"}}
	if out.Policy.Rotate == "" {
		out.Policy.Rotate = string(world.RotateNever)
	}
	if a.Checkout.For > 0 {
		out.Policy.For = a.Checkout.For.String()
	}
	if a.Checkout.Max > 0 {
		out.Policy.Max = a.Checkout.Max.String()
	}
	for _, k := range a.Keys {
		out.KeyTypes = append(out.KeyTypes, k.Type)
	}
	if m, ok := s.World.Asset(a.AssetID); ok {
		out.Asset = &asset{Name: m.Name, Hostnames: append([]string{}, m.Hostnames...), Platform: m.Platform}
		if m.Address.IsValid() {
			out.Asset.Address = m.Address.String()
		}
	}
	holders, err := s.Accounts.Holders(c.Request().Context(), a)
	for _, l := range holders {
		out.Holders = append(out.Holders, holder{checkout.Principal{UserID: l.UserID, Client: l.Client}.Name(), l.Expires})
	}
	return out, err
}

// listAccounts filters by ?asset= (name, host name or address) and ?name=.
func (s *Server) listAccounts(c *caller) error {
	all := s.Accounts.Visible(c.Principal)
	found := all[:0:0]
	machine, known := s.World.Asset(c.QueryParam("asset"))
	for _, a := range all {
		if c.QueryParam("asset") != "" && (!known || a.AssetID != machine.ID) {
			continue
		}
		if name := c.QueryParam("name"); name != "" && !strings.EqualFold(name, a.Name) {
			continue
		}
		found = append(found, a)
	}
	items, next, err := page(c, found)
	if err != nil {
		return err
	}
	out := list[account]{Items: []account{}, Next: next}
	for _, a := range items {
		row, err := s.shown(c, a)
		if err != nil {
			return err
		}
		out.Items = append(out.Items, row)
	}
	return c.JSON(http.StatusOK, out)
}

// named is the account of the path.
func (c *caller) named(param string) string {
	c.call().Object = world.Fold(c.Param(param))
	return c.Param(param)
}

func (s *Server) getAccount(c *caller) error {
	a, err := s.Accounts.Account(c.Principal, c.named("account"))
	if err != nil {
		return err
	}
	row, err := s.shown(c, a)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, row)
}

// secret is a password or key.
type secret struct {
	Account string    `json:"account"`
	Type    string    `json:"type,omitempty"`
	Value   string    `json:"value"`
	Version int       `json:"version"`
	Current bool      `json:"current"`
	Since   time.Time `json:"since"`
}

func secretOf(x checkout.Secret) secret {
	return secret{Account: x.Account.ID, Type: x.Type, Value: x.Value, Version: x.Version, Current: x.Current, Since: x.Since}
}

func (s *Server) password(c *caller) error { return s.fetch(c, checkout.Which{}) }

func (s *Server) key(c *caller) error {
	return s.fetch(c, checkout.Which{Key: true, Type: c.QueryParam("type")})
}

func (s *Server) fetch(c *caller, w checkout.Which) (err error) {
	if w.Version, err = c.number("version", 0); err != nil {
		return err
	}
	x, err := s.Accounts.Fetch(c.Request().Context(), c.Principal, c.named("account"), w)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, secretOf(x))
}

func (s *Server) history(c *caller) error {
	all, err := s.Accounts.History(c.Request().Context(), c.Principal, c.named("account"))
	if err != nil {
		return err
	}
	return listed(c, all)
}

func (s *Server) rotate(c *caller) error {
	change, err := s.Accounts.Rotate(c.Request().Context(), c.Principal, c.named("account"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, change)
}

// wish is the body of a checkout or request.
type wish struct {
	Reason string `json:"reason"`
	Ticket string `json:"ticket"`
	For    span   `json:"for"`
}

// longest reason or comment.
const maxText = 4096

func (s *Server) wish(c *caller) (checkout.Take, error) {
	var w wish
	if err := c.read(&w, true); err != nil {
		return checkout.Take{}, err
	}
	if len(w.Reason) > maxText || len(w.Ticket) > maxText {
		return checkout.Take{}, cause.Because(cause.BadInput, "reason and ticket have at most %d octets", maxText)
	}
	return checkout.Take{AccountID: c.named("account"), Reason: w.Reason, Ticket: w.Ticket, For: time.Duration(w.For)}, nil
}

// lent is a lease with what it opens.
type lent struct {
	checkout.Lease
	Password *secret `json:"password,omitempty"`
}

func (s *Server) checkout(c *caller) error {
	t, err := s.wish(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	l, err := s.Accounts.Checkout(ctx, c.Principal, t)
	if err != nil {
		return err
	}
	out := lent{Lease: l}
	x, err := s.Accounts.Fetch(ctx, c.Principal, l.AccountID, checkout.Which{})
	if err == nil {
		value := secretOf(x)
		out.Password = &value
	} else if reason, ok := cause.Of(err); !ok || reason != cause.NoSecret { // an account may have keys only
		return err
	}
	c.Response().Header().Set("Location", "/vault/v1/leases/"+l.ID)
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusCreated, out)
}

func (s *Server) leases(c *caller) error {
	all, err := s.Accounts.Leases(c.Request().Context(), c.Principal)
	if err != nil {
		return err
	}
	if state := c.QueryParam("state"); state != "" {
		kept := all[:0]
		for _, l := range all {
			if string(l.State) == state {
				kept = append(kept, l)
			}
		}
		all = kept
	}
	return listed(c, all)
}

// leased answers a lease.
func leased(c *caller, l checkout.Lease, err error) error {
	if err != nil {
		return err
	}
	c.call().Object = l.AccountID
	return c.JSON(http.StatusOK, l)
}

func (s *Server) lease(c *caller) error {
	l, err := s.Accounts.Lease(c.Request().Context(), c.Principal, c.Param("lease"))
	return leased(c, l, err)
}

func (s *Server) checkin(c *caller) error {
	l, err := s.Accounts.Checkin(c.Request().Context(), c.Principal, c.Param("lease"))
	return leased(c, l, err)
}

func (s *Server) renew(c *caller) error {
	var in struct {
		For span `json:"for"`
	}
	if err := c.read(&in, true); err != nil {
		return err
	}
	l, err := s.Accounts.Renew(c.Request().Context(), c.Principal, c.Param("lease"), time.Duration(in.For))
	return leased(c, l, err)
}

func (s *Server) force(c *caller) error {
	l, err := s.Accounts.Force(c.Request().Context(), c.Principal, c.Param("lease"))
	return leased(c, l, err)
}

func (s *Server) request(c *caller) error {
	t, err := s.wish(c)
	if err != nil {
		return err
	}
	r, err := s.Accounts.Request(c.Request().Context(), c.Principal, t)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Location", "/vault/v1/requests/"+r.ID)
	return c.JSON(http.StatusCreated, wireRequest(r))
}

func (s *Server) requests(c *caller) error {
	all, err := s.Accounts.Requests(c.Request().Context(), c.Principal)
	if err != nil {
		return err
	}
	for i := range all {
		all[i] = wireRequest(all[i])
	}
	return listed(c, all)
}

// wireRequest is a request without what only the one who ordered it may know.
func wireRequest(r checkout.Request) checkout.Request {
	r.Order, r.At, r.Holds, r.Adopted = "", time.Time{}, 0, false
	return r
}

func requested(c *caller, r checkout.Request, err error) error {
	if err != nil {
		return err
	}
	c.call().Object = r.AccountID
	return c.JSON(http.StatusOK, wireRequest(r))
}

func (s *Server) getRequest(c *caller) error {
	r, err := s.Accounts.FindRequest(c.Request().Context(), c.Principal, c.Param("request"))
	return requested(c, r, err)
}

func (s *Server) decide(c *caller, approve bool) error {
	var in struct {
		Comment string `json:"comment"`
	}
	if err := c.read(&in, true); err != nil {
		return err
	}
	if len(in.Comment) > maxText {
		return cause.Because(cause.BadInput, "a comment has at most %d octets", maxText)
	}
	r, err := s.Accounts.Decide(c.Request().Context(), c.Principal, c.Param("request"), approve, in.Comment)
	return requested(c, r, err)
}

func (s *Server) withdraw(c *caller) error {
	r, err := s.Accounts.Withdraw(c.Request().Context(), c.Principal, c.Param("request"))
	return requested(c, r, err)
}
