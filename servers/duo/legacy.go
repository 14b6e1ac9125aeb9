package duo

import (
	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/dialect"
)

// legacyRoutes are the paths of rest/v1, which answer in JSON, or in BSON for
// the clients up to duo_unix 1.11.
func (s *Server) legacyRoutes() (out []dialect.Route) {
	for _, suffix := range []string{"", ".json", ".bson"} {
		out = append(out,
			dialect.Route{Method: "GET", Path: "/rest/v1/ping" + suffix, Do: func(c echo.Context) error {
				return write(c, 200, envelope{"stat": "OK", "response": "pong"})
			}},
			dialect.Route{Method: "GET", Path: "/rest/v1/check" + suffix, Do: s.signed(func(*request) (any, error) { return "valid", nil })},
			dialect.Route{Method: "POST", Path: "/rest/v1/preauth" + suffix, Do: s.signed(s.oldPreauth)},
			dialect.Route{Method: "POST", Path: "/rest/v1/auth" + suffix, Do: s.signed(s.oldAuth)},
			dialect.Route{Method: "GET", Path: "/rest/v1/status" + suffix, Do: s.signed(s.oldStatus)},
		)
	}
	return out
}

func (s *Server) oldPreauth(r *request) (any, error) {
	a, err := s.admit(r)
	if err != nil {
		return nil, err
	}
	if a.result != auth {
		return map[string]any{"result": a.result, "status": s.say(r, a.message)}, nil
	}
	a.verified = false
	text, factors := s.menu(r.Request().Context(), a)
	return map[string]any{"result": auth, "prompt": text, "factors": factors}, nil
}

func (s *Server) oldAuth(r *request) (any, error) {
	t, later, err := s.begin(r, oldWanted)
	if err != nil {
		return nil, err
	}
	if later {
		return map[string]any{"txid": t.ID}, s.keep(r.Request().Context(), t)
	}
	v, err := s.finish(r, t)
	if err != nil {
		return nil, err
	}
	return old(v.(outcome)), nil
}

// oldWanted reads the parameters of rest/v1: each factor has one of its own name.
func oldWanted(r *request) (chooser, error) {
	f, err := r.need("factor")
	if err != nil {
		return nil, err
	}
	name := map[string]string{"auto": "auto", "passcode": "code", "phone": "phone", "push": "phone", "sms": "phone"}[f]
	if name == "" {
		return nil, param(invalid, "factor", "%.40q is no factor", f)
	}
	v, err := r.need(name)
	if err != nil {
		return nil, err
	}
	return func(l *login) (choice, error) {
		switch f {
		case "auto":
			return l.typed(v)
		case "passcode":
			return choice{factor: f, passcode: v}, nil
		}
		o, ok := parseOption(v) // "phone2" is the second phone, for a push too
		ph, found := nth(l.phones, option{capability: f, number: o.number})
		if !ok || !found {
			return choice{}, cause.Because(noneCapable, "%s has no %.40q for %s", l.p.id, v, f)
		}
		return choice{factor: f, phone: ph}, nil
	}, nil
}

func (s *Server) oldStatus(r *request) (any, error) {
	o, err := s.poll(r)
	if err != nil {
		return nil, err
	}
	return old(s.reply(r, o)), nil
}

// old is an outcome in the words of rest/v1: without a result it is not over.
func old(o outcome) map[string]any {
	if o.Message == wrongCode.Message {
		o.Message = legacyWrong
	}
	out := map[string]any{"status": o.Message}
	if o.Result != waiting {
		out["result"] = o.Result
	}
	return out
}
