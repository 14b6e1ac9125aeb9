package duo

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"time"

	"counterpart/internal/company/world"
	"counterpart/internal/face/ids"
	"counterpart/internal/serving/dialect"
)

// Settings is a Duo server's block of the seed: what only Duo knows. People and
// their devices are the company's.
type Settings struct {
	Listen        string        `yaml:"listen" default:":8444" format:"listen" doc:"Address and port of the API, over TLS. Clients that know only port 443 come through the egress proxy."`
	Host          string        `yaml:"api_host" default:"api-12345678.duosecurity.com" format:"dns" doc:"The API host name that clients are configured with."`
	Integrations  []Integration `yaml:"integrations" doc:"Applications with their keys; by default one whose keys follow from random_seed."`
	Lockout       int           `yaml:"lockout_threshold" default:"10" min:"0" max:"9999" doc:"Failures in a row that lock somebody out of Duo; 0 means never."`
	LockoutReset  time.Duration `yaml:"lockout_reset" default:"0s" doc:"A lock-out ends by itself after this; 0 means never."`
	PushTTL       time.Duration `yaml:"push_ttl" min:"1s" max:"1h" doc:"How long a push or call waits for its owner; by default as long as the device's own policy says, 60s."`
	StatusHold    time.Duration `yaml:"status_hold" default:"15s" min:"0s" max:"5m" doc:"How long auth_status is held when nothing changes."`
	Skew          time.Duration `yaml:"skew" default:"5m" min:"1s" max:"1d" doc:"How far a request's date may be off."`
	Logo          string        `yaml:"logo" format:"any" doc:"The PNG image of /auth/v2/logo in base64; by default there is none."`
	SMSCodes      int           `yaml:"sms_codes" default:"1" min:"1" max:"10" doc:"Passcodes in one text message."`
	Trusted       time.Duration `yaml:"trusted_devices" default:"0s" doc:"How long a device that was trusted once needs no second factor; 0s means that none is."`
	VerifiedPush  bool          `yaml:"verified_push" doc:"Everybody's pushes want the number typed that the login shows, where the application can show one."`
	Normalization string        `yaml:"username_normalization" default:"simple" enum:"simple|none" doc:"simple takes DOMAIN\\name, name@domain and e-mail addresses for the name; none takes names and aliases only."`
	Users         []Member      `yaml:"users" doc:"What only Duo knows about people. Those who are not listed are active."`
}

// Integration is an application that may call the API.
type Integration struct {
	Name      string   `yaml:"name" doc:"What it is called; by default its integration key."`
	IKey      string   `yaml:"ikey" required:"true" format:"id" doc:"Integration key, DI and 18 more characters."`
	SKey      string   `yaml:"skey" required:"true" format:"any" doc:"Secret key, 40 characters."`
	APIs      []string `yaml:"apis" doc:"The kind of application by the APIs it may use: auth (default), admin, accounts. The Admin and Accounts APIs are known and not played."`
	NewUsers  string   `yaml:"new_user_policy" default:"enroll" enum:"enroll|allow|deny" doc:"What becomes of people whom Duo does not know."`
	PerMinute int      `yaml:"rate_limit" default:"0" min:"0" doc:"Requests per minute; 0 means any number."`
}

// Member is what Duo knows about a person beside the company's facts.
type Member struct {
	Name         string       `yaml:"name" required:"true" ref:"user" doc:"Whom."`
	Status       string       `yaml:"status" default:"active" enum:"active|bypass|disabled|locked_out" doc:"The standing in Duo. Who is disabled in the company is disabled here, too."`
	NotEnrolled  bool         `yaml:"not_enrolled" doc:"Duo does not know this person yet."`
	App          string       `yaml:"app" doc:"Which TOTP or HOTP device is the Duo Mobile app on the phone that takes pushes; by default the first TOTP device. The others are hardware tokens."`
	BypassCodes  []BypassCode `yaml:"bypass_codes" doc:"Bypass codes of Duo's own, beside the person's static devices."`
	VerifiedPush bool         `yaml:"verified_push" doc:"Pushes want the number typed that the login shows."`
}

// BypassCode is a passcode that needs no device.
type BypassCode struct {
	Code    string    `yaml:"code" required:"true" format:"any" doc:"The code, in quotes."`
	Uses    int       `yaml:"uses" default:"1" min:"0" doc:"How often it is good; 0 means any number of times."`
	Expires time.Time `yaml:"expires" doc:"Until when; by default for ever."`
}

// The form of keys that Duo gives out.
var (
	ikeyForm = regexp.MustCompile(`^DI[A-Z0-9]{18}$`)
	skeyForm = regexp.MustCompile(`^[A-Za-z0-9]{40}$`)
)

// check says what tags cannot.
func (s *Settings) check(w *world.World) error {
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	taken := map[string]bool{}
	for i, in := range s.Integrations {
		if !ikeyForm.MatchString(in.IKey) {
			say("integrations[%d].ikey: %q is not DI and 18 capitals or digits", i, in.IKey)
		}
		if !skeyForm.MatchString(in.SKey) {
			say("integrations[%d].skey: %d characters, not 40 letters and digits", i, len(in.SKey))
		}
		if taken[in.IKey] {
			say("integrations[%d].ikey: %s is there twice", i, in.IKey)
		}
		taken[in.IKey] = true
		for _, api := range in.APIs {
			if api != authAPI && foreign[api].Name == "" {
				say("integrations[%d].apis: %q is none; write auth, admin or accounts", i, api)
			}
		}
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
		if d, known := w.Device(m.App); m.App != "" && (!known || d.UserID != u.ID || d.Kind != world.TOTP && d.Kind != world.HOTP) {
			say("users[%d].app: %s has no TOTP or HOTP device %q", i, m.Name, m.App)
		}
	}
	if _, err := base64.StdEncoding.DecodeString(s.Logo); err != nil {
		say("logo: this is not base64")
	}
	return errors.Join(wrong...)
}

// generated is the integration of a seed that names none.
func generated(env dialect.Env) Integration {
	r := env.World.Derive("duo", env.Name, "integration")
	return Integration{Name: env.Name, IKey: "DI" + ids.Remainders(r, ids.Capitals, 18), SKey: ids.Remainders(r, keyLetters, 40), NewUsers: "enroll"}
}

// keyLetters are those of secret keys, in the order in which they were always drawn.
const keyLetters = ids.Capitals + "abcdefghijklmnopqrstuvwxyz"
