package control

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
)

// listRoutes are lists that are read page by page: what a page costs does not grow with
// the company.
func (s *Server) listRoutes() []dialect.Route {
	return []dialect.Route{
		s.route("GET", "/people", s.people),
		s.route("GET", "/people/:user", s.personDetail),
		s.route("GET", "/accounts", s.accounts),
		s.route("GET", "/accounts/:account", s.account),
		s.route("GET", "/tickets", s.tickets),
		s.heavy("GET", "/tickets/:ticket", s.ticket),
	}
}

// Rows of a page: what is asked for, if nothing is said and at most.
const (
	usualRows = 50
	mostRows  = 200
)

// paging is which part of a list a query wants, and of what.
type paging struct {
	text  string
	after string
	most  int
}

// paged reads the parameters of a page, besides those of the list itself.
func paged(c echo.Context, more ...string) (p paging, err error) {
	if err := known(c, append(more, "q", "after", "limit")...); err != nil {
		return p, err
	}
	n, err := number(c, "limit")
	if n > mostRows {
		err = cause.Because(cause.BadInput, "limit is %d at most", mostRows)
	}
	p = paging{text: c.QueryParam("q"), after: c.QueryParam("after"), most: int(n)}
	if p.most == 0 {
		p.most = usualRows
	}
	if len(p.text) > longestText {
		err = cause.Because(cause.BadInput, "q is longer than %d octets", longestText)
	}
	return p, err
}

// longestText is the length in octets of what can be searched for.
const longestText = 200

// bounds are those of a search by numbers.
func (p paging) bounds() (b world.Bounds, err error) {
	b.Most = p.most
	if p.after != "" {
		if b.From, err = strconv.Atoi(p.after); err != nil || b.From < 0 {
			err = cause.Because(cause.BadInput, "after is what a page before had as next")
		}
	}
	return b, err
}

// next is the end of a page by numbers: "" behind the last.
func next(p world.Page) string {
	if !p.More {
		return ""
	}
	return strconv.Itoa(p.Next)
}

// personRow is a person in a list.
type personRow struct {
	ID          string      `json:"id"`
	DisplayName string      `json:"display_name"`
	Email       string      `json:"email,omitempty"`
	Phone       string      `json:"phone,omitempty"`
	Description string      `json:"description,omitempty"`
	CanSignIn   bool        `json:"can_sign_in"`
	Status      string      `json:"status"` // as it stands now
	Failures    int         `json:"failures,omitempty"`
	LockedAt    time.Time   `json:"locked_at,omitzero"`
	Groups      []inGroup   `json:"groups"`
	Devices     []deviceRow `json:"devices"`
	Pending     int         `json:"pending"` // pushes and calls that wait
}

// inGroup is a group that somebody is in.
type inGroup struct {
	Name   string `json:"name"`
	Direct bool   `json:"direct"`
}

// deviceRow is a device in a list.
type deviceRow struct {
	ID       string           `json:"id"`
	Kind     world.DeviceKind `json:"kind"`
	Label    string           `json:"label,omitempty"`
	Locked   bool             `json:"locked,omitempty"`
	Off      bool             `json:"disabled,omitempty"`
	Enrolled bool             `json:"enrolled,omitempty"` // made at run time
	Policy   string           `json:"policy,omitempty"`   // of a push or call: what its owner does
}

func (s *Server) people(c echo.Context) error {
	p, err := paged(c)
	if err != nil {
		return err
	}
	b, err := p.bounds()
	if err != nil {
		return err
	}
	found := s.World.SearchUsers(p.text, b)
	rows := make([]personRow, 0, len(found.Found))
	for _, i := range found.Found {
		row, err := s.personRow(c.Request().Context(), s.World.UserAt(i))
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return c.JSON(http.StatusOK, map[string]any{"people": rows, "next": next(found), "total": s.World.UserCount()})
}

func (s *Server) personRow(ctx context.Context, u world.User) (personRow, error) {
	st, err := s.Logins.Standing(ctx, u.ID)
	if err != nil {
		return personRow{}, err
	}
	row := personRow{ID: u.ID, DisplayName: u.DisplayName, Email: u.Email, Phone: u.Phone, Description: u.Description, Status: string(st.Status),
		CanSignIn: st.Status == world.Active && !st.MustChange, Failures: st.Failures, LockedAt: st.LockedAt, Groups: []inGroup{}, Devices: []deviceRow{}}
	if st.Status == world.Active && st.MustChange {
		row.Status = string(world.MustChange)
	}
	for _, g := range s.World.GroupsOf(u.ID) {
		row.Groups = append(row.Groups, inGroup{g.ID, slices.ContainsFunc(u.Groups, func(name string) bool { return world.Fold(name) == g.ID })})
	}
	devices, err := s.Factors.Devices(ctx, u.ID)
	if err != nil {
		return row, err
	}
	for _, d := range devices {
		r := deviceRow{ID: d.ID, Kind: d.Kind, Label: d.Label, Locked: d.Locked, Off: d.Disabled, Enrolled: d.Enrolled}
		if d.Approval != nil {
			r.Policy = d.Approval.Policy
		}
		row.Devices = append(row.Devices, r)
	}
	all, err := s.Factors.Approvals(ctx, u.ID)
	for _, a := range all {
		if a.State == factor.Pending {
			row.Pending++
		}
	}
	return row, err
}

// mostAccounts is how many accounts that somebody may use are told with a person, and
// accountsLooked how many of those that the seed writes out are looked at for that.
const (
	mostAccounts   = 100
	accountsLooked = 2000
)

// personDetail is one person, with what is not told in a list.
func (s *Server) personDetail(c echo.Context) error {
	if err := known(c); err != nil {
		return err
	}
	u, ok := s.World.Login(c.Param("user"))
	if !ok {
		return cause.Because(cause.UnknownUser, "nobody is called %q", c.Param("user"))
	}
	row, err := s.personRow(c.Request().Context(), u)
	if err != nil {
		return err
	}
	out := struct {
		personRow
		Aliases  []string `json:"aliases"`
		Seeded   string   `json:"seeded_status"`
		Place    *Place   `json:"seed,omitempty"`
		Accounts []string `json:"may_use"`
		More     bool     `json:"may_use_more"` // there may be others
	}{personRow: row, Aliases: orEmpty(u.Aliases), Seeded: string(u.Status), Place: s.place("users", u.ID), Accounts: []string{}, More: s.World.MadeAccounts() > 0}
	looked := 0
	for a := range s.World.WrittenAccounts() {
		if looked++; looked > accountsLooked || len(out.Accounts) == mostAccounts {
			out.More = true
			break
		}
		if s.Accounts.MayUse(checkout.Principal{UserID: u.ID}, a) {
			out.Accounts = append(out.Accounts, a.ID)
		}
	}
	return c.JSON(http.StatusOK, out)
}

// place is where the seed says something; nil: nowhere.
func (s *Server) place(in, name string) *Place {
	if s.Locate == nil {
		return nil
	}
	at, ok := s.Locate(in, name)
	if !ok {
		return nil
	}
	return &at
}

// accountRow is an account in a list.
type accountRow struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Asset       string   `json:"asset,omitempty"`
	Address     string   `json:"address,omitempty"`
	Platform    string   `json:"platform,omitempty"`
	User        string   `json:"user,omitempty"` // whose password it is
	Description string   `json:"description,omitempty"`
	Exclusive   bool     `json:"exclusive"`
	Rotates     string   `json:"rotates"`
	Approval    bool     `json:"needs_approval"`
	Approvers   []string `json:"approvers"`
	Groups      []string `json:"groups"` // whose members may use it
	Users       []string `json:"users"`  // who may
	Keys        []string `json:"keys"`   // their types
	Password    bool     `json:"has_password"`
	checkout.Standing
}

func (s *Server) accountRow(ctx context.Context, a world.Account) (accountRow, error) {
	st, err := s.Accounts.Standing(ctx, a)
	row := accountRow{ID: a.ID, Name: a.Name, User: a.UserID, Description: a.Description, Exclusive: a.Checkout.Exclusive, Rotates: orElse(string(a.Checkout.Rotate), string(world.RotateNever)),
		Approval: a.Checkout.Approval == "required", Approvers: orEmpty(a.Access.Approvers), Groups: orEmpty(a.Access.Groups), Users: orEmpty(a.Access.Users),
		Keys: []string{}, Password: a.HasPassword(), Standing: st}
	if m, ok := s.World.Asset(a.AssetID); ok {
		row.Asset, row.Platform = m.Name, m.Platform
		if m.Address.IsValid() {
			row.Address = m.Address.String()
		}
	}
	for _, k := range a.Keys {
		row.Keys = append(row.Keys, k.Type)
	}
	return row, err
}

// accounts lists them, or those alone that somebody holds or waits for.
func (s *Server) accounts(c echo.Context) error {
	p, err := paged(c, "held")
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	held, err := word(c, "held", "true", "false")
	switch {
	case err != nil:
		return err
	case held == "true" && p.text != "":
		return cause.Because(cause.BadInput, "give either q or held")
	case held == "true":
		return s.held(c, p)
	}
	b, err := p.bounds()
	if err != nil {
		return err
	}
	found := s.World.SearchAccounts(p.text, b)
	rows := make([]accountRow, 0, len(found.Found))
	for _, i := range found.Found {
		row, err := s.accountRow(ctx, s.World.AccountAt(i))
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return c.JSON(http.StatusOK, map[string]any{"accounts": rows, "next": next(found), "total": s.World.AccountCount()})
}

// heldLooked is how many accounts that were ever used one page looks at.
const heldLooked = 500

// held lists accounts with a holder or an open request, by their IDs.
func (s *Server) held(c echo.Context, p paging) error {
	ctx := c.Request().Context()
	ids, err := s.Accounts.Touched(ctx, p.after, heldLooked)
	if err != nil {
		return err
	}
	rows, end := []accountRow{}, ""
	if len(ids) == heldLooked {
		end = ids[len(ids)-1]
	}
	for i, id := range ids {
		a, ok := s.World.AccountByID(id)
		if !ok {
			continue
		}
		row, err := s.accountRow(ctx, a)
		if err != nil {
			return err
		}
		if len(row.Leases)+len(row.Requests) > 0 {
			rows = append(rows, row)
		}
		if len(rows) == p.most && i+1 < len(ids) {
			end = id
			break
		}
	}
	return c.JSON(http.StatusOK, map[string]any{"accounts": rows, "next": end, "total": s.World.AccountCount()})
}

// account is one account.
func (s *Server) account(c echo.Context) error {
	if err := known(c); err != nil {
		return err
	}
	a, ok := s.World.AccountByID(c.Param("account"))
	if !ok {
		return cause.Because(cause.UnknownAccount, "there is no account %q", c.Param("account"))
	}
	row, err := s.accountRow(c.Request().Context(), a)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		accountRow
		Place *Place `json:"seed,omitempty"`
	}{row, s.place("accounts", a.ID)})
}

// ticketRow is a ticket in a list: how much was written and used, not what.
type ticketRow struct {
	ticket.Ticket
	Notes    int       `json:"notes"`
	Sessions int       `json:"sessions"` // open ones
	Fields   *struct{} `json:"fields,omitempty"`
	Labels   *struct{} `json:"labels,omitempty"`
	Text     *struct{} `json:"description,omitempty"`
}

func (s *Server) tickets(c echo.Context) error {
	p, err := paged(c, "system", "state", "requester", "account")
	if err != nil {
		return err
	}
	state, err := word(c, "state", ticket.States()...)
	if err != nil {
		return err
	}
	q := c.QueryParam
	f := ticket.Filter{Text: p.text, System: q("system"), State: state, Requester: q("requester"), Account: q("account")}
	found, err := s.Tickets.Page(c.Request().Context(), f, p.after, p.most)
	if err != nil {
		return err
	}
	rows := make([]ticketRow, 0, len(found.Tickets))
	for _, t := range found.Tickets {
		row := ticketRow{Ticket: t, Notes: len(t.Notes)}
		for _, x := range t.Sessions {
			if x.ClosedAt.IsZero() {
				row.Sessions++
			}
		}
		rows = append(rows, row)
	}
	return c.JSON(http.StatusOK, map[string]any{"tickets": rows, "next": found.Next})
}

// ticket is one ticket, as it stands now.
func (s *Server) ticket(c echo.Context) error {
	if err := known(c, "system"); err != nil {
		return err
	}
	t, err := s.Tickets.Get(c.Request().Context(), c.QueryParam("system"), c.Param("ticket"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		ticket.Ticket
		Place *Place `json:"seed,omitempty"`
	}{t, s.place("tickets", t.ID)})
}
