package duo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/ids"
	"counterpart/internal/serving/dialect"
)

// admission is what preauth decides.
type admission struct {
	result, message string
	person          *person
	phones          []*phone
	verified        bool // pushes will want a number
}

// admit decides what becomes of the person whom a request names.
func (s *Server) admit(r *request) (*admission, error) {
	ctx := r.Request().Context()
	p, err := s.who(r)
	if errors.Is(err, cause.UnknownUser) && r.params["user_id"] == "" {
		r.call().Because(err)
		return map[string]*admission{
			"":     {result: enroll, message: enrolFirst},
			enroll: {result: enroll, message: enrolFirst},
			allow:  {result: allow, message: active},
			deny:   {result: deny, message: newDenied},
		}[r.in.NewUsers], nil
	}
	if err != nil {
		return nil, err
	}
	standing, err := s.standing(ctx, r, p)
	if err != nil {
		return nil, err
	}
	switch {
	case standing == nil:
	case standing.Result == allow:
		return &admission{result: allow, message: active, person: p}, nil
	default:
		return &admission{result: deny, message: standing.Message, person: p}, nil
	}
	if trusted, err := s.trusts(ctx, p, r.params["trusted_device_token"]); trusted || err != nil {
		return &admission{result: allow, message: active, person: p}, err
	}
	phones, err := s.phones(ctx, p)
	return &admission{result: auth, message: active, person: p, phones: phones,
		verified: (s.set.VerifiedPush || p.member.VerifiedPush) && r.params["client_supports_verified_push"] == "1"}, err
}

// trusts reports whether a token says that the device is trusted for p.
func (s *Server) trusts(ctx context.Context, p *person, token string) (bool, error) {
	if token == "" || s.set.Trusted == 0 {
		return false, nil
	}
	t, err := s.trusted.Look(ctx, token)
	if _, refused := cause.Of(err); refused {
		return false, nil
	}
	return err == nil && t.Owner == p.id, err
}

func (s *Server) preauth(r *request) (any, error) {
	ctx := r.Request().Context()
	a, err := s.admit(r)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"result": a.result, "status_msg": s.say(r, a.message)}
	text := r.params["text_prompt"] == "1"
	switch a.result {
	case deny:
		r.call().Outcome = dialect.DeniedOutcome
	case enroll:
		out["enroll_portal_url"] = "https://" + s.set.Host + "/portal?code=" + s.random(20)
		if text {
			out["prompt"] = map[string]any{"text": fmt.Sprintf("%s:\n\n%s\n", enrolFirst, out["enroll_portal_url"])}
		}
	case auth:
		devices := []any{}
		for _, ph := range a.phones {
			devices = append(devices, s.shown(ctx, ph))
		}
		out["devices"] = devices
		if text {
			words, factors := s.menu(ctx, a)
			out["prompt"] = map[string]any{"text": words, "factors": factors}
		}
		if a.verified {
			if out["txid"], err = s.promise(ctx, r, a.person); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// say is a sentence for the user, which a fault can spoil.
func (s *Server) say(r *request, sentence string) string {
	if _, hit := r.call().Fault(dirtyWords); hit {
		return dirty + sentence
	}
	return sentence
}

// menu is what a text client shows, and what its options mean.
func (s *Server) menu(ctx context.Context, a *admission) (text string, factors map[string]any) {
	factors = map[string]any{}
	var lines strings.Builder
	count := map[string]int{}
	add := func(ph *phone, capability, id, line string) {
		if !ph.can(capability) {
			return
		}
		count[capability]++
		id += strconv.Itoa(count[capability])
		n := strconv.Itoa(len(factors) + 1)
		if len(factors) == 0 {
			factors["default"] = id
		} else {
			n = strconv.Itoa(len(factors))
		}
		factors[n] = id
		fmt.Fprintf(&lines, " %s. %s\n", n, line)
	}
	pushID := "push"
	if a.verified {
		pushID = "verified_push"
	}
	for _, ph := range a.phones {
		where := masked(ph.number)
		if where == "" {
			where = ph.name
		}
		sms := "SMS passcodes to " + where
		if next := s.nextSMS(ctx, ph); next != "" {
			sms += fmt.Sprintf(" (next code starts with: %s)", next)
		}
		add(ph, "push", pushID, "Duo Push to "+where)
		add(ph, "phone", "phone", "Phone call to "+where)
		add(ph, "sms", "sms", sms)
	}
	head := fmt.Sprintf("Duo two-factor login for %s\n\n", a.person.name)
	if len(factors) == 0 {
		return head + "Enter a passcode.\n\nPasscode: ", factors
	}
	return head + "Enter a passcode or select one of the following options:\n\n" + lines.String() +
		fmt.Sprintf("\nPasscode or option (1-%d): ", len(factors)-1), factors
}

// promised is a verified push that preauth announced.
type promised struct {
	User string `json:"user"`
	IKey string `json:"ikey"`
	Used bool   `json:"used,omitempty"`
}

// promiseFor is how long preauth's transaction can be used.
const promiseFor = 5 * time.Minute

// promise makes the transaction with which a verified push may be started.
func (s *Server) promise(ctx context.Context, r *request, p *person) (string, error) {
	id := ids.UUID(s.Rand)
	return id, s.promises.Put(ctx, id, promised{User: p.id, IKey: r.in.IKey}, s.Clock.Now().Add(promiseFor))
}

// redeem uses that transaction up, once.
func (s *Server) redeem(ctx context.Context, r *request, p *person) error {
	id := r.params["txid"]
	if id == "" {
		return param(missing, "txid", "a verified push needs the txid of preauth")
	}
	return s.promises.Edit(ctx, id, func(v *promised, found bool) (time.Time, error) {
		if !found || v.Used || v.User != p.id || v.IKey != r.in.IKey {
			return time.Time{}, cause.Because(unknownTx, "no preauth promised %s a verified push as %.40q", p.id, id)
		}
		v.Used = true
		return s.Clock.Now().Add(promiseFor), nil
	})
}

// random draws n letters and digits for something that nobody may guess.
func (s *Server) random(n int) string { return ids.Text(s.Rand, ids.Alphanumeric, n) }
