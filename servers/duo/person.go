package duo

import (
	"context"
	"errors"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/face/ids"
)

// person is somebody whom Duo knows.
type person struct {
	id     string // the domain's: "alice", for a guest "duo/zoe"
	name   string
	userID string // Duo's
	phone  string // the company's number
	member Member
	guest  bool // enrolled here; the company does not know the name
}

// account is what an enrolment made.
type account struct {
	Name     string    `json:"name"`
	Begun    time.Time `json:"begun,omitzero"`
	ID       string    `json:"id"` // the domain's
	Guest    bool      `json:"guest,omitempty"`
	Code     string    `json:"code"`     // of the activation
	Approval string    `json:"approval"` // the activation as a request to the new phone; until there is one, the name is claimed and nobody is enrolled
	Devices  []string  `json:"devices"`
	Expires  time.Time `json:"expires"`
	Claimed  bool      `json:"claimed,omitempty"`
	Bypass   []string  `json:"bypass,omitempty"`
}

// account is what an enrolment made of a name; found is false until it is finished.
func (s *Server) account(ctx context.Context, name string) (a account, found bool, err error) {
	a, found, err = s.accounts.Read(ctx, accountKey(name))
	if a.Approval == "" {
		return account{}, false, err
	}
	return a, found, err
}

func accountKey(name string) string { return "user/" + world.Fold(name) }

// duoID is the user ID that Duo gives somebody.
func (s *Server) duoID(id string) string {
	return "DU" + ids.Remainders(s.World.Derive("duo", s.Name, "user", id), ids.Capitals, 18)
}

// index leads from Duo's user ID to everybody of the company.
func (s *Server) index() *world.Lookup {
	return world.NewLookup(s.World.UserCount(), func(i int) string { return s.duoID(s.World.UserIDAt(i)) })
}

// who is the person that a request names; cause.UnknownUser when Duo knows none.
func (s *Server) who(r *request) (*person, error) {
	ctx := r.Request().Context()
	name, id := r.params["username"], r.params["user_id"]
	if r.legacy() {
		name, id = r.params["user"], ""
		if name == "" {
			return nil, param(missing, "user", "nobody is named")
		}
	}
	switch {
	case name == "" && id == "":
		return nil, param(missing, "user_id or username", "nobody is named")
	case name != "" && id != "":
		return nil, param(invalid, "user_id or username", "both user_id and username are given")
	case id != "":
		p, err := s.byID(ctx, id)
		if errors.Is(err, cause.UnknownUser) {
			err = param(invalid, "user_id", "nobody has the ID %.40q", id)
		}
		return p, s.note(r, p, err)
	}
	p, err := s.byName(ctx, name)
	return p, s.note(r, p, err)
}

// note puts a person on the call and plays the faults about them.
func (s *Server) note(r *request, p *person, err error) error {
	if err != nil {
		return err
	}
	r.call().Actor = p.id
	return r.call().Admit(r.Request().Context())
}

func (s *Server) byID(ctx context.Context, id string) (*person, error) {
	if i, ok := s.ids().Find(id); ok {
		return s.ofCompany(ctx, s.World.UserAt(i))
	}
	name, found, err := s.guests.Read(ctx, id)
	if err != nil {
		return nil, err
	}
	if found {
		return s.byName(ctx, name)
	}
	return nil, cause.Because(cause.UnknownUser, "nobody has the ID %.40q", id)
}

func (s *Server) byName(ctx context.Context, name string) (*person, error) {
	u, known := s.World.User(name)
	if !known && s.set.Normalization == "simple" {
		u, known = s.World.Login(name)
	}
	if known {
		return s.ofCompany(ctx, u)
	}
	a, found, err := s.account(ctx, name)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, cause.Because(cause.UnknownUser, "Duo knows nobody called %.80q", name)
	}
	return s.ofGuest(a), nil
}

// ofCompany is somebody of the company, unless Duo does not know them yet.
func (s *Server) ofCompany(ctx context.Context, u world.User) (*person, error) {
	m := s.members[u.ID]
	if m.NotEnrolled {
		if _, found, err := s.account(ctx, u.ID); err != nil {
			return nil, err
		} else if !found {
			return nil, cause.Because(cause.UnknownUser, "%s is not enrolled in Duo", u.ID)
		}
	}
	return &person{id: u.ID, name: u.Name, userID: s.duoID(u.ID), phone: u.Phone, member: m}, nil
}

func (s *Server) ofGuest(a account) *person {
	return &person{id: a.ID, name: a.Name, userID: s.duoID(a.ID), guest: true}
}

// tally is what counts towards the person's lock-out.
func (s *Server) tally(p *person) factor.Tally {
	return factor.Tally{System: s.Name, UserID: p.id, Threshold: s.set.Lockout, Reset: s.set.LockoutReset, Seeded: p.member.Status == "locked_out"}
}

// standing is the outcome that somebody gets without any factor: disabled here or
// in the company, bypass, locked out; nil asks for one.
func (s *Server) standing(ctx context.Context, r *request, p *person) (*outcome, error) {
	if p.member.Status == "disabled" {
		r.call().Because(cause.Because(cause.Disabled, "%s is disabled in Duo", p.id))
		return &disabled, nil
	}
	if !p.guest {
		st, err := s.Logins.Standing(ctx, p.id)
		if err != nil {
			return nil, err
		}
		if st.Status == world.Disabled || st.Status == world.AccountExpired {
			r.call().Because(cause.Because(cause.Disabled, "%s is %s in the company", p.id, strings.ReplaceAll(string(st.Status), "_", " ")))
			return &disabled, nil
		}
	}
	if p.member.Status == "bypass" {
		return &bypassed, nil
	}
	err := s.Factors.LockedOut(ctx, s.tally(p))
	if errors.Is(err, cause.Locked) {
		r.call().Because(err)
		return &lockedOut, nil
	}
	return nil, err
}
