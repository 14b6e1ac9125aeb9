package radius

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
	"counterpart/internal/face/radius/attr"
	"counterpart/internal/face/radius/wire"
)

// scripted plays conversations that the seed spells out, for products that no
// flavour knows.
type scripted struct {
	scripts []Script
	extra   [][][]wire.Attribute // by script and round
}

func newScripted(s *server) (flow, error) {
	f := &scripted{scripts: s.set.Scripts}
	var wrong []error
	for i, sc := range f.scripts {
		where := fmt.Sprintf("scripts[%d]", i)
		if len(sc.Rounds) == 0 {
			wrong = append(wrong, fmt.Errorf("%s.rounds: there must be one", where))
		}
		if _, ok := s.env.World.User(sc.User); sc.User != "" && !ok {
			wrong = append(wrong, fmt.Errorf("%s.user: there is no user %q", where, sc.User))
		}
		if _, ok := s.env.World.Group(sc.Group); sc.Group != "" && !ok {
			wrong = append(wrong, fmt.Errorf("%s.group: there is no group %q", where, sc.Group))
		}
		var extra [][]wire.Attribute
		for j, r := range sc.Rounds {
			list, err := r.check(s.dict, fmt.Sprintf("%s.rounds[%d]", where, j), j == len(sc.Rounds)-1)
			wrong = append(wrong, err)
			extra = append(extra, list)
		}
		f.extra = append(f.extra, extra)
	}
	if len(f.scripts) == 0 {
		wrong = append(wrong, errors.New("scripts: the scripted flavour needs one"))
	}
	return f, errors.Join(wrong...)
}

// check finds what is wrong with a round, and encodes its attributes.
func (r ScriptRound) check(d *attr.Dictionary, where string, last bool) (extra []wire.Attribute, err error) {
	var wrong []error
	switch r.Expect {
	case "", "any", "empty", "password", "otp", "push":
	default:
		if !strings.HasPrefix(r.Expect, "=") {
			wrong = append(wrong, fmt.Errorf("%s.expect: %q is none of any, empty, password, otp, push or =text", where, r.Expect))
		}
	}
	switch r.Then {
	case "", "accept", "reject", "challenge":
	default:
		wrong = append(wrong, fmt.Errorf("%s.then: %q is none of challenge, accept, reject", where, r.Then))
	}
	if r.then(last) == "challenge" && (last || r.Reply == "") {
		wrong = append(wrong, fmt.Errorf("%s: a challenge needs a reply and a round that follows", where))
	}
	if len(r.Reply) > wire.MaxValue || len(r.Otherwise) > wire.MaxValue {
		wrong = append(wrong, fmt.Errorf("%s: a Reply-Message has at most 253 octets", where))
	}
	list, err := d.Parse(where+".attributes", r.Attributes)
	for _, v := range attr.Merge(list) {
		extra = append(extra, v.Attribute)
	}
	return extra, errors.Join(append(wrong, err)...)
}

func (r ScriptRound) then(last bool) string {
	if r.Then == "" && last {
		return "accept"
	}
	return orElse(r.Then, "challenge")
}

// start implements flow.
func (f *scripted) start(ctx context.Context, l *login) verdict {
	for i, sc := range f.scripts {
		user, _ := l.s.env.World.User(sc.User)
		if sc.User != "" && user.ID != l.user.ID || sc.Group != "" && !l.s.env.World.InAnyGroup(l.user.ID, []string{sc.Group}) {
			continue
		}
		return f.play(ctx, l, i, 0)
	}
	return rejectf(cause.UnknownUser, "no script is for %q", l.name)
}

// answer implements flow.
func (f *scripted) answer(ctx context.Context, l *login, r round) verdict {
	script, at, _ := strings.Cut(r.Step, "/")
	i, err := strconv.Atoi(script)
	j, err2 := strconv.Atoi(at)
	if err != nil || err2 != nil || i < 0 || i >= len(f.scripts) || j < 0 || j >= len(f.scripts[i].Rounds) {
		return rejectf(cause.UnknownToken, "step %q is none of the scripts", r.Step)
	}
	return f.play(ctx, l, i, j)
}

func (f *scripted) play(ctx context.Context, l *login, i, j int) verdict {
	r := f.scripts[i].Rounds[j]
	v := reject(f.expected(ctx, l, r))
	if v.err != nil {
		v.message = r.Otherwise
	} else {
		switch r.then(j == len(f.scripts[i].Rounds)-1) {
		case "accept":
			v = accept(r.Reply)
		case "reject":
			v = rejectf(cause.Denied, "the script says so")
			v.message = r.Reply
		default:
			v = challenge(fmt.Sprintf("%d/%d", i, j+1), r.Reply, r.Echo)
			v.fixed = true
		}
		v.extra = f.extra[i][j]
	}
	v.delay = r.Delay
	return v
}

// expected is nil when the right thing was typed.
func (f *scripted) expected(ctx context.Context, l *login, r ScriptRound) error {
	switch r.Expect {
	case "", "any":
		return nil
	case "empty":
		if l.proof.empty() {
			return nil
		}
		return cause.Because(cause.WrongPassword, "the script expects an empty text")
	case "password":
		return l.password(ctx)
	case "otp":
		return l.code(ctx)
	case "push":
		return l.approve(ctx, world.Push, 1)
	}
	if !l.proof.matches(strings.TrimPrefix(r.Expect, "=")) {
		return cause.Because(cause.WrongPassword, "the script expects another text")
	}
	return nil
}
