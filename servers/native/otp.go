package native

import (
	"context"
	"net/http"
	"slices"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/face/ids"
	"counterpart/internal/serving/dialect"
)

func (s *Server) otpRoutes() []dialect.Route {
	const users, devices, transactions = "/otp/v1/users/:user/devices", "/otp/v1/devices/:device", "/otp/v1/transactions"
	return []dialect.Route{
		s.route("GET", users, reader, s.listDevices),
		s.write("POST", users, admin, s.enrol),
		s.route("DELETE", devices, admin, s.remove),
		s.route("GET", devices+"/qr.png", admin, s.qr),
		s.write("POST", devices+"/resync", validator, s.resync),
		s.write("POST", devices+"/unlock", admin, s.unlock),
		s.write("POST", "/otp/v1/verify", validator, s.verify),
		s.write("POST", transactions, validator, s.trigger),
		s.route("GET", transactions+"/:id", validator, s.transaction),
		s.route("DELETE", transactions+"/:id", validator, s.cancel),
	}
}

// device is a second factor without its secret.
type device struct {
	ID       string           `json:"id"`
	User     string           `json:"user"`
	Kind     world.DeviceKind `json:"kind"`
	Label    string           `json:"label,omitempty"`
	Address  string           `json:"address,omitempty"`
	Digits   int              `json:"digits,omitempty"`
	Period   string           `json:"period,omitempty"`
	Locked   bool             `json:"locked"`
	Disabled bool             `json:"disabled"`
	Failures int              `json:"failures"`
}

func deviceOf(d factor.Device) device {
	out := device{ID: d.ID, User: d.UserID, Kind: d.Kind, Label: d.Label, Address: d.Address, Digits: d.Digits,
		Locked: d.Locked, Disabled: d.Disabled, Failures: d.Failures}
	if d.Kind == world.TOTP || d.Kind == world.HOTP {
		out.Digits = max(d.Digits, 6)
	}
	if d.Kind == world.TOTP {
		out.Period = (30 * time.Second).String()
		if d.Period > 0 {
			out.Period = d.Period.String()
		}
	}
	return out
}

// person is the user of the path or body, noted on the call.
func (s *Server) person(c *caller, name string) (world.User, error) {
	u, ok := s.World.Login(name)
	if !ok {
		return world.User{}, cause.Because(cause.UnknownUser, "nobody is called %q", name)
	}
	c.call().Object = u.ID
	return u, nil
}

// mine refuses people who look at others' devices without being admins.
func mine(c *caller, userID string) error {
	if c.Client == "" && c.role < admin && c.UserID != userID {
		return cause.Because(cause.NotAllowed, "%s sees only own devices", c.Name())
	}
	return nil
}

func (s *Server) listDevices(c *caller) error {
	u, err := s.person(c, c.Param("user"))
	if err != nil {
		return err
	}
	if err := mine(c, u.ID); err != nil {
		return err
	}
	all, err := s.Factors.Devices(c.Request().Context(), u.ID)
	if err != nil {
		return err
	}
	out := []device{}
	for _, d := range all {
		out = append(out, deviceOf(d))
	}
	return c.JSON(http.StatusOK, list[device]{Items: out})
}

// enrolled is a new device with what its owner needs, shown once.
type enrolled struct {
	device
	Secret string   `json:"secret,omitempty"` // base32
	URI    string   `json:"uri,omitempty"`
	QR     string   `json:"qr,omitempty"` // path of the image
	Codes  []string `json:"codes,omitempty"`
}

func (s *Server) enrol(c *caller) error {
	var in struct {
		Kind      world.DeviceKind `json:"kind"`
		Label     string           `json:"label"`
		Address   string           `json:"address"`
		Algorithm string           `json:"algorithm"`
		Digits    int              `json:"digits"`
		Period    span             `json:"period"`
	}
	if err := c.read(&in, false); err != nil {
		return err
	}
	u, err := s.person(c, c.Param("user"))
	if err != nil {
		return err
	}
	if len(in.Label) > maxText || len(in.Address) > maxText {
		return cause.Because(cause.BadInput, "label and address have at most %d octets", maxText)
	}
	wanted := world.Device{Kind: in.Kind, Label: in.Label, Address: in.Address, Algorithm: in.Algorithm, Digits: in.Digits, Period: time.Duration(in.Period)}
	if in.Kind == world.Static {
		if wanted.Codes, err = s.backupCodes(); err != nil {
			return err
		}
	}
	d, err := s.Factors.Enrol(c.Request().Context(), u.ID, wanted)
	if err != nil {
		return err
	}
	out := enrolled{device: deviceOf(d), Codes: d.Codes}
	if d.Kind == world.TOTP || d.Kind == world.HOTP {
		out.Secret, out.QR = factor.Base32(d.Secret), "/otp/v1/devices/"+d.ID+"/qr.png"
		if out.URI, err = factor.URI(d.Device, s.issuer(), u.Name, d.Next); err != nil {
			return err
		}
	}
	c.Response().Header().Set("Location", "/otp/v1/devices/"+d.ID)
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusCreated, out)
}

func (s *Server) issuer() string {
	if name := s.World.Organization().Name; name != "" {
		return name
	}
	return "Counterpart"
}

// backupCodes makes ten one-time codes.
func (s *Server) backupCodes() ([]string, error) {
	out := make([]string, 10)
	for i := range out {
		out[i] = ids.Hex(s.Rand, 8) + "-" + ids.Hex(s.Rand, 8)
	}
	return out, nil
}

// theDevice is the device of the path.
func (s *Server) theDevice(c *caller) (factor.Device, error) {
	d, err := s.Factors.Find(c.Request().Context(), c.Param("device"))
	if err == nil {
		c.call().Object = d.ID
		err = mine(c, d.UserID)
	}
	return d, err
}

func (s *Server) qr(c *caller) error {
	d, err := s.theDevice(c)
	if err != nil {
		return err
	}
	owner, _ := s.World.User(d.UserID)
	uri, err := factor.URI(d.Device, s.issuer(), owner.Name, d.Next)
	if err != nil {
		return err
	}
	png, err := factor.QR(uri)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	c.call().Response = "a QR image"
	return c.Blob(http.StatusOK, "image/png", png)
}

// onDevice runs an operation of a device and answers 204.
func (s *Server) onDevice(c *caller, do func(context.Context, string) error) error {
	d, err := s.theDevice(c)
	if err != nil {
		return err
	}
	if err := do(c.Request().Context(), d.ID); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) remove(c *caller) error { return s.onDevice(c, s.Factors.Remove) }
func (s *Server) unlock(c *caller) error { return s.onDevice(c, s.Factors.Unlock) }

func (s *Server) resync(c *caller) error {
	var in struct {
		First  string `json:"otp"`
		Second string `json:"next_otp"`
	}
	if err := c.read(&in, false); err != nil {
		return err
	}
	return s.onDevice(c, func(ctx context.Context, id string) error {
		_, err := s.Factors.Resync(ctx, id, in.First, in.Second)
		return err
	})
}

// verdict is the answer to a code: a wrong one is a decision, not an error.
type verdict struct {
	Valid  bool   `json:"valid"`
	User   string `json:"user"`
	Device string `json:"device,omitempty"`
	Reason string `json:"reason,omitempty"` // why not
}

// reasons are the refusals of a code, in this API's words.
var reasons = map[cause.Cause]string{
	cause.WrongCode: "wrong", cause.Replayed: "replayed", cause.Malformed: "malformed", cause.DeviceLocked: "locked", cause.DeviceOff: "disabled",
	cause.NotYetValid: "not_yet_valid", cause.Expired: "expired", cause.NoDevice: "no_token", cause.NoneDelivered: "none_delivered", cause.WrongKind: "wrong_kind",
}

func (s *Server) verify(c *caller) error {
	var in struct {
		User   string `json:"user"`
		Device string `json:"device"`
		OTP    string `json:"otp"`
	}
	if err := c.read(&in, false); err != nil {
		return err
	}
	u, err := s.person(c, in.User)
	if err != nil {
		return err
	}
	if err := mine(c, u.ID); err != nil {
		return err
	}
	ctx := c.Request().Context()
	var m factor.Match
	if in.Device == "" {
		m, err = s.Factors.VerifyUser(ctx, u.ID, in.OTP)
	} else if d, found := s.Factors.Find(ctx, in.Device); found != nil || d.UserID != u.ID {
		err = cause.Because(cause.NoDevice, "%s has no device %q", u.ID, in.Device)
	} else {
		m, err = s.Factors.Verify(ctx, d.ID, in.OTP)
	}
	out := verdict{Valid: err == nil, User: u.ID, Device: m.Device.ID}
	if err != nil {
		reason, ok := cause.Of(err)
		if out.Reason = reasons[reason]; !ok || out.Reason == "" {
			return err
		}
		c.call().Refuse(err)
	}
	return c.JSON(http.StatusOK, out)
}

// trigger asks a push device or delivers a code: the device that is named, or
// the person's first one of the method.
func (s *Server) trigger(c *caller) error {
	var in struct {
		User    string            `json:"user"`
		Method  world.DeviceKind  `json:"method"`
		Device  string            `json:"device"`
		Message string            `json:"message"`
		Details map[string]string `json:"details"`
		TTL     span              `json:"ttl"`
		Match   bool              `json:"number_matching"`
	}
	if err := c.read(&in, false); err != nil {
		return err
	}
	u, err := s.person(c, in.User)
	if err != nil {
		return err
	}
	if err := mine(c, u.ID); err != nil {
		return err
	}
	d, err := s.chosen(c, u, in.Device, in.Method)
	if err != nil {
		return err
	}
	if in.Match && d.Kind != world.Push {
		return cause.Because(cause.BadInput, "number_matching is for pushes, and %s is a %s device", d.ID, d.Kind)
	}
	ctx := c.Request().Context()
	if d.Kind != world.Push && d.Kind != world.Call {
		if err := s.Factors.Send(ctx, d.ID, s.Name); err != nil {
			return err
		}
		return c.JSON(http.StatusAccepted, transaction{User: u.ID, Device: d.ID, State: "sent"})
	}
	if time.Duration(in.TTL) > time.Hour || len(in.Message) > maxText || len(in.Details) > 100 {
		return cause.Because(cause.BadInput, "ttl is at most 1h, a message at most %d octets, details at most 100", maxText)
	}
	ask := factor.Ask{System: s.Name, UserID: u.ID, DeviceID: d.ID, Message: in.Message, Details: in.Details, TTL: time.Duration(in.TTL)}
	if in.Match {
		ask.Number = ids.Text(s.Rand, ids.Decimal, 2)
	}
	a, err := s.Factors.Ask(ctx, ask)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Location", "/otp/v1/transactions/"+a.ID)
	out := transactionOf(a)
	out.Number = a.Number
	return c.JSON(http.StatusAccepted, out)
}

func (s *Server) chosen(c *caller, u world.User, id string, method world.DeviceKind) (factor.Device, error) {
	all, err := s.Factors.Devices(c.Request().Context(), u.ID)
	if err != nil {
		return factor.Device{}, err
	}
	can := []world.DeviceKind{world.Push, world.Call, world.SMS, world.Voice, world.Mail}
	if method != "" && !slices.Contains(can, method) {
		return factor.Device{}, cause.Because(cause.BadInput, "method must be one of %v, not %q", can, method)
	}
	for _, d := range all {
		if id != "" && d.ID == id || id == "" && slices.Contains(can, d.Kind) && (method == "" || d.Kind == method) {
			return d, nil
		}
	}
	return factor.Device{}, cause.Because(cause.NoDevice, "%s has no such device", u.ID)
}

// longestWait bounds how long a poll is held.
const longestWait = 60 * time.Second

// transaction answers how an approval stands; ?wait=10s holds the request until
// it is over.
func (s *Server) transaction(c *caller) error {
	ctx := c.Request().Context()
	a, err := s.Factors.Approval(ctx, c.Param("id"))
	if err == nil {
		err = mine(c, a.UserID)
	}
	if err != nil {
		return err
	}
	c.call().Object = a.UserID
	if wait := c.QueryParam("wait"); wait != "" && a.State == factor.Pending {
		var d span
		if err := d.UnmarshalText([]byte(wait)); err != nil {
			return cause.Because(cause.BadInput, "wait: %v", err)
		}
		until := s.Clock.Now().Add(min(time.Duration(d), longestWait))
		if a, err = s.Factors.AwaitUntil(ctx, a.ID, until); err != nil {
			return err
		}
	}
	if err := refused(a); err != nil { // whoever asked is told so with 200
		c.call().Refuse(err)
	}
	return c.JSON(http.StatusOK, transactionOf(a))
}

func (s *Server) cancel(c *caller) error {
	ctx := c.Request().Context()
	a, err := s.Factors.Approval(ctx, c.Param("id"))
	if err == nil {
		err = mine(c, a.UserID)
	}
	if err != nil {
		return err
	}
	if _, err := s.Factors.Cancel(ctx, a.ID); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
