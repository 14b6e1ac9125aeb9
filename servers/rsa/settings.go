package rsa

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/face/ids"
	"counterpart/internal/serving/dialect"
)

// Settings is an RSA server's block of the seed.
type Settings struct {
	Flavour string   `yaml:"flavour" default:"am" enum:"am|cloud" doc:"am is Authentication Manager, which knows SecurID tokens and agents; cloud has the other methods, too."`
	Listen  string   `yaml:"listen" default:":5555" format:"listen" doc:"Address and port of the Authentication API."`
	Host    string   `yaml:"host" format:"any" doc:"Name under which clients look for it, such as acme.securid.com; the egress proxy leads there."`
	HMAC    string   `yaml:"hmac" default:"off" enum:"off|optional|required" doc:"Whether clients sign requests with their access key, or send it: auth_manager.rest_service.authorization.mode."`
	Clients []Client `yaml:"clients" doc:"Access IDs and keys; by default one that follows from the random seed."`
	Agents  []Agent  `yaml:"agents" doc:"Authentication agents of Authentication Manager: a clientId has to be one. None listed: every name is."`
	Policy  Policy   `yaml:"policy" doc:"What logins and PINs have to keep to."`
	Users   []Member `yaml:"users" doc:"What only RSA knows about people."`
}

// Client is a pair of keys.
type Client struct {
	AccessID  string `yaml:"access_id" required:"true" format:"any" doc:"Access ID."`
	AccessKey string `yaml:"access_key" required:"true" format:"any" doc:"Access key, which clients send as client-key, or sign with."`
}

// Agent is an authentication agent.
type Agent struct {
	Name string `yaml:"name" required:"true" format:"any" doc:"Its name, which clients send as clientId."`
}

// Policy is what logins and PINs have to keep to.
type Policy struct {
	AttemptTimeout time.Duration `yaml:"attempt_timeout" default:"180s" min:"1s" doc:"How long an attempt lives; clients may ask for less."`
	Tries          int           `yaml:"tries" default:"1" min:"1" doc:"Wrong passcodes of one attempt that end it."`
	BadBeforeNext  int           `yaml:"bad_before_next" default:"3" min:"1" doc:"Wrong passcodes in a row after which the next tokencode is wanted beside a right one."`
	LockoutAfter   int           `yaml:"lockout_after" default:"0" min:"0" doc:"Wrong passcodes in a row that lock somebody out until an unlock; 0: never."`
	NextWindow     time.Duration `yaml:"next_window" default:"2m" min:"1s" doc:"How long the next tokencode is waited for."`
	PIN            PINPolicy     `yaml:"pin" doc:"New PINs."`
	Methods        []string      `yaml:"methods" doc:"Methods of the cloud's policy, in their order; by default all: APPROVE, FINGERPRINT, QRCODE, TOKEN, SECURID, SMS, VOICE, EMERGENCY_TOKENCODE."`
}

// PINPolicy is what a new PIN has to be.
type PINPolicy struct {
	Min          int  `yaml:"min" default:"4" min:"1" doc:"Characters at least."`
	Max          int  `yaml:"max" default:"8" min:"1" doc:"Characters at most."`
	Alphanumeric bool `yaml:"alphanumeric" doc:"Letters are good, too."`
	Generated    bool `yaml:"generated" doc:"The server makes the PIN up, and the person confirms it."`
}

// Member is what RSA knows about a person beside the company's facts.
type Member struct {
	Name          string   `yaml:"name" required:"true" ref:"user" doc:"Whom."`
	NewPIN        bool     `yaml:"new_pin" doc:"The token wants a new PIN at the next login."`
	NextTokencode bool     `yaml:"next_tokencode" doc:"The token wants the next tokencode at the next login."`
	Methods       []string `yaml:"methods" doc:"Methods of the cloud that this person may use; by default all of the policy for which there is a device."`
}

// mode is how the person's tokens are from the start; "" is as the company has it.
func (m Member) mode() factor.TokenMode {
	switch {
	case m.NewPIN:
		return factor.TokenNewPIN
	case m.NextTokencode:
		return factor.TokenNextCode
	}
	return ""
}

// check says what tags cannot.
func (s *Settings) check(w *world.World) error {
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	methods := func(at string, list []string) {
		for i, m := range list {
			if _, known := methodOf(m); !known {
				say("%s[%d]: %q is none of %v", at, i, m, methodIDs())
			}
			if slices.Index(list, m) != i {
				say("%s[%d]: %s is there twice", at, i, m)
			}
		}
	}
	methods("policy.methods", s.Policy.Methods)
	if s.Policy.PIN.Max < s.Policy.PIN.Min {
		say("policy.pin: max is %d, less than min", s.Policy.PIN.Max)
	}
	taken := map[string]bool{}
	for i, c := range s.Clients {
		if taken[c.AccessID] {
			say("clients[%d].access_id: %s is there twice", i, c.AccessID)
		}
		taken[c.AccessID] = true
	}
	seen := map[string]bool{}
	for i, m := range s.Users {
		u, ok := w.User(m.Name)
		if !ok {
			continue // the seed has complained
		}
		if seen[u.ID] {
			say("users[%d].name: %s is there twice", i, m.Name)
		}
		seen[u.ID] = true
		if m.NewPIN && m.NextTokencode {
			say("users[%d]: a token wants either a new PIN or the next tokencode", i)
		}
		methods(fmt.Sprintf("users[%d].methods", i), m.Methods)
	}
	if len(s.Policy.Methods) == 0 {
		s.Policy.Methods = methodIDs()
	}
	return errors.Join(wrong...)
}

// agent is a name that passes for an agent.
func (s *Settings) agent() string {
	if len(s.Agents) > 0 {
		return s.Agents[0].Name
	}
	return "agent"
}

// isAgent reports whether a clientId is one of an agent's.
func (s *Settings) isAgent(name string) bool {
	return len(s.Agents) == 0 || slices.ContainsFunc(s.Agents, func(a Agent) bool { return a.Name == name })
}

// generated is the client of a seed that names none.
func generated(env dialect.Env) Client {
	r := env.World.Derive("rsa", env.Name, "client")
	return Client{AccessID: ids.Text(r, ids.Alphanumeric, 20), AccessKey: ids.Text(r, ids.Alphanumeric, 64)}
}
