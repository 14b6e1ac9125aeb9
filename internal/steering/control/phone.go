package control

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
)

// phoneRoutes are what one person's phone shows and does.
func (s *Server) phoneRoutes() []dialect.Route {
	return []dialect.Route{
		{Method: "POST", Path: "/phone/:user/session", Do: s.fromHere(s.keepToken)},
		s.orPage(s.phoneRoute("GET", "/phone/:user", s.phone)),
		s.phoneRoute("POST", "/phone/:user/pushes/:id", s.answerPush),
		s.phoneRoute("GET", "/phone/:user/devices/:device/uri", s.deviceURI),
		s.phoneRoute("GET", "/phone/:user/devices/:device/qr", s.deviceQR),
		s.phoneRoute("POST", "/phone/:user/devices/:device/press", s.pressOwn),
	}
}

// orPage answers browsers with the page that shows a phone, and programs with what it
// shows.
func (s *Server) orPage(data dialect.Route) dialect.Route {
	return dialect.Route{Method: data.Method, Path: data.Path, Do: s.fromHere(func(c echo.Context) error {
		c.Response().Header().Add("Vary", "Accept")
		if wantsPage(c.Request()) {
			return s.asset(c, "phone.html")
		}
		return data.Do(c)
	})}
}

// phoneView is what somebody's phone shows. What the login shows and the owner has to type
// is not in it.
type phoneView struct {
	User         string    `json:"user"`
	Name         string    `json:"name"`
	Organization string    `json:"organization"`
	At           time.Time `json:"at"`
	Frozen       bool      `json:"frozen"`
	Version      string    `json:"version"` // of all but at: another one when something has changed
	Pushes       []push    `json:"pushes"`  // that wait, the one that came first first
	Waiting      int       `json:"waiting"` // how many, those that are not shown among them
	Lately       int       `json:"lately"`  // requests of the last minute, answered or not
	Answered     []ended   `json:"answered"`
	Codes        []code    `json:"codes"`
	Messages     []message `json:"messages"` // newest first
	Yubikeys     []touched `json:"yubikeys"`
}

// push is a request that waits for its owner.
type push struct {
	ID        string            `json:"id"`
	System    string            `json:"system"`
	Device    string            `json:"device"`
	Kind      world.DeviceKind  `json:"kind"` // push or call
	Message   string            `json:"message,omitempty"`
	Details   map[string]string `json:"details,omitempty"`
	Created   time.Time         `json:"created"`
	Expires   time.Time         `json:"expires"`
	Digits    int               `json:"number_digits"` // of the number to be typed; 0: a tap is enough
	LeftAlone leftAlone         `json:"left_alone"`
}

// leftAlone is how a request ends that nobody answers.
type leftAlone struct {
	Ends string    `json:"ends"` // approved, denied, fraud, expired
	At   time.Time `json:"at"`
	By   string    `json:"by"` // policy, the ID of an order, or time
}

// ended is a request that is over.
type ended struct {
	ID      string    `json:"id"`
	System  string    `json:"system"`
	State   string    `json:"state"`
	Fraud   bool      `json:"fraud,omitempty"`
	Decided time.Time `json:"decided"`
	By      string    `json:"by,omitempty"`
}

// code is what an authenticator shows.
type code struct {
	Device string           `json:"device"`
	Kind   world.DeviceKind `json:"kind"`
	Label  string           `json:"label,omitempty"`
	Code   string           `json:"code,omitempty"`
	Next   string           `json:"next,omitempty"`
	Until  time.Time        `json:"until,omitzero"`
	Period int              `json:"period_s,omitempty"`
	Locked bool             `json:"locked,omitempty"`
	Off    bool             `json:"disabled,omitempty"`
	Note   string           `json:"note,omitempty"` // why it shows nothing
}

// message is a text that was delivered.
type message struct {
	factor.Message
	Over bool `json:"over"` // its code is no longer good
}

// touched is a YubiKey.
type touched struct {
	Device  string `json:"device"`
	Label   string `json:"label,omitempty"`
	Presses int    `json:"presses"`
	Off     bool   `json:"disabled,omitempty"`
}

// How much a phone shows.
const (
	mostPushes   = 20
	mostAnswered = 5
	mostMessages = 20
	lately       = time.Minute
)

// phoneLook is how often a phone that waits for a change is looked at.
const phoneLook = 5 * look

// phone shows somebody's phone; with ?known=VERSION&wait=25s once it shows something else.
func (s *Server) phone(c echo.Context, u world.User) error {
	if err := known(c, "known", "wait"); err != nil {
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
	for {
		v, err := s.phoneOf(context.WithoutCancel(ctx), u)
		if err != nil {
			return err
		}
		if v.Version != c.QueryParam("known") || ctx.Err() != nil {
			return c.JSON(http.StatusOK, v)
		}
		t := time.NewTimer(phoneLook + time.Duration(s.readers.Load())*eachLook)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

func (s *Server) phoneOf(ctx context.Context, u world.User) (phoneView, error) {
	now, frozen := s.Clock.Shows()
	v := phoneView{User: u.ID, Name: u.DisplayName, Organization: s.World.Organization().Name, Frozen: frozen, Pushes: []push{}, Answered: []ended{},
		Codes: []code{}, Messages: []message{}, Yubikeys: []touched{}}
	devices, err := s.Factors.Devices(ctx, u.ID)
	if err != nil {
		return v, err
	}
	for _, add := range []func() error{
		func() error { return s.addPushes(ctx, &v, u, devices, now) },
		func() error { return s.addCodes(ctx, &v, devices) },
		func() error { return s.addMessages(ctx, &v, u, now) },
	} {
		if err := add(); err != nil {
			return v, err
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		return v, err
	}
	v.Version, v.At = digest(string(text))[:16], now
	return v, nil
}

func (s *Server) addPushes(ctx context.Context, v *phoneView, u world.User, devices []factor.Device, now time.Time) error {
	all, err := s.Factors.Approvals(ctx, u.ID)
	if err != nil {
		return err
	}
	for _, a := range all {
		if now.Sub(a.Created) < lately {
			v.Lately++
		}
		if a.State != factor.Pending {
			v.Answered = append(v.Answered, ended{a.ID, a.System, string(a.State), a.Fraud, a.Decided, a.By})
			continue
		}
		if v.Waiting++; v.Waiting > mostPushes {
			continue
		}
		p := push{ID: a.ID, System: a.System, Device: a.Device, Kind: world.Push, Message: a.Message, Details: a.Details, Created: a.Created, Expires: a.Expires,
			Digits: utf8.RuneCountInString(a.Number), LeftAlone: left(a)}
		if i := slices.IndexFunc(devices, func(d factor.Device) bool { return d.ID == a.Device }); i >= 0 {
			p.Kind = devices[i].Kind
		}
		v.Pushes = append(v.Pushes, p)
	}
	slices.SortStableFunc(v.Answered, func(a, b ended) int { return b.Decided.Compare(a.Decided) })
	v.Answered = v.Answered[:min(len(v.Answered), mostAnswered)]
	return nil
}

// left is how a request ends if it is left alone.
func left(a factor.Approval) leftAlone {
	if a.Will == "" || !a.WillAt.Before(a.Expires) {
		by := "time"
		if a.Order != "" {
			by = a.Order
		}
		return leftAlone{string(factor.Expired), a.Expires, by}
	}
	out := leftAlone{string(a.Will), a.WillAt, cmp.Or(a.Order, "policy")}
	if a.Report {
		out.Ends = "fraud"
	}
	return out
}

func (s *Server) addCodes(ctx context.Context, v *phoneView, devices []factor.Device) error {
	for _, d := range devices {
		switch d.Kind {
		case world.Yubikey:
			k, err := s.Factors.Virtual(ctx, d.Device)
			if err != nil {
				return err
			}
			v.Yubikeys = append(v.Yubikeys, touched{d.ID, d.Label, k.Presses, d.Disabled})
		case world.TOTP, world.HOTP, world.Static:
			row := code{Device: d.ID, Kind: d.Kind, Label: d.Label, Locked: d.Locked, Off: d.Disabled}
			var err error
			if row.Code, row.Until, err = s.Factors.Current(ctx, d.ID); err == nil && d.Kind != world.Static {
				row.Next, err = s.Factors.Upcoming(ctx, d.ID)
			}
			if _, refused := cause.Of(err); refused {
				row.Note, err = cause.Why(err), nil
			}
			if err != nil {
				return err
			}
			if d.Kind == world.TOTP {
				row.Period = int(cmp.Or(d.Period, 30*time.Second) / time.Second)
			}
			v.Codes = append(v.Codes, row)
		}
	}
	return nil
}

func (s *Server) addMessages(ctx context.Context, v *phoneView, u world.User, now time.Time) error {
	all, err := s.Factors.Delivered(ctx, u.ID)
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(all) {
		if len(v.Messages) == mostMessages {
			break
		}
		v.Messages = append(v.Messages, message{m, !now.Before(m.Expires)})
	}
	return nil
}

// phoneVerdicts are what an owner can answer.
var phoneVerdicts = []string{"approve", "deny", "fraud"}

// answerPush is the owner's answer to a request. Another person's is as unknown as one that
// is not there.
func (s *Server) answerPush(c echo.Context, u world.User) error {
	var in struct {
		Verdict string `json:"verdict"`
		Number  string `json:"number"`
	}
	if err := read(c, &in, false); err != nil {
		return err
	}
	if !slices.Contains(phoneVerdicts, in.Verdict) {
		return cause.Because(cause.BadInput, "verdict must be approve, deny or fraud, not %q", in.Verdict)
	}
	ctx, id := c.Request().Context(), c.Param("id")
	a, err := s.Factors.Approval(ctx, id)
	if err == nil && a.UserID != u.ID {
		err = cause.Because(cause.UnknownRequest, "there is no approval %q", id)
	}
	if err != nil {
		return err
	}
	verdict := verdicts[in.Verdict]
	verdict.Number, verdict.By = in.Number, "phone"
	if a, err = s.Factors.Decide(ctx, id, verdict); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, ended{a.ID, a.System, string(a.State), a.Fraud, a.Decided, a.By})
}

// own is a device of the person whose phone it is.
func (s *Server) own(c echo.Context, u world.User) (factor.Device, error) {
	d, err := s.Factors.Find(c.Request().Context(), c.Param("device"))
	if err == nil && d.UserID != u.ID {
		err = cause.Because(cause.NoDevice, "there is no device %q", c.Param("device"))
	}
	return d, err
}

// uri is what an authenticator app reads to show a device's codes.
func (s *Server) uri(c echo.Context, u world.User) (string, error) {
	d, err := s.own(c, u)
	if err != nil {
		return "", err
	}
	return factor.URI(d.Device, s.World.Organization().Name, cmp.Or(u.Email, u.ID), d.Next)
}

func (s *Server) deviceURI(c echo.Context, u world.User) error {
	text, err := s.uri(c, u)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"uri": text})
}

func (s *Server) deviceQR(c echo.Context, u world.User) error {
	text, err := s.uri(c, u)
	if err != nil {
		return err
	}
	picture, err := factor.QR(text)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "image/png", picture)
}

// pressOwn touches a YubiKey, and shows what it types.
func (s *Server) pressOwn(c echo.Context, u world.User) error {
	if err := read(c, &struct{}{}, true); err != nil {
		return err
	}
	d, err := s.own(c, u)
	if err != nil {
		return err
	}
	otp, err := s.Factors.Press(c.Request().Context(), d.ID, "")
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"device": d.ID, "otp": otp})
}
