package yubico

import (
	"context"
	"crypto/subtle"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/state"
	"counterpart/internal/face/ids"
	"counterpart/internal/serving/dialect"
)

// verification is one request whether an OTP is good.
type verification struct {
	*Server
	call  *dialect.Call
	query params

	two     bool   // protocol 2.0
	otp     string // in lower case, in modhex
	parsed  factor.OTP
	nonce   string
	client  uint64
	level   int // per cent of the pool
	timeout int // seconds; 0: as long as it takes
	counts  bool

	by   *signer // the client's, once it is known
	echo bool    // the OTP has been decided about, so that the answer repeats it
	pool []member

	word string // what a fault says in place of the answer
	late bool   // after the OTP was used up
}

// verify is the operation that all clients ask for.
func (s *Server) verify(c echo.Context) error {
	ctx := c.Request().Context()
	r := &verification{Server: s, call: dialect.CallFrom(ctx), query: read(c.Request()), two: versionAt(c.Request().RequestURI) >= 2}
	touched, err := r.run(ctx)
	if err != nil {
		return &refusal{error: err, by: r.by, members: r.repeats(), server: s}
	}
	return s.send(c, answer{status: wordOK, by: r.by, members: append(r.repeats(), r.shown(touched)...)})
}

// run makes the checks in the order in which ykval makes them.
func (r *verification) run(ctx context.Context) (factor.Touched, error) {
	for _, check := range []func() error{r.readOptions, r.readOTP, r.readClient, r.readNonce, r.lookUp, r.checkSignature} {
		if err := check(); err != nil {
			return factor.Touched{}, err
		}
	}
	if err := r.overridden(false); err != nil {
		return factor.Touched{}, err
	}
	k, err := r.stored(ctx, r.parsed)
	if err != nil {
		return factor.Touched{}, err
	}
	r.call.Actor, r.call.Object = k.device.UserID, k.device.ID
	if err := r.call.Admit(ctx); err != nil {
		return factor.Touched{}, err
	}
	if k.delay > 0 {
		if err := r.Clock.Wait(ctx, r.Clock.Now().Add(k.delay)); err != nil {
			return factor.Touched{}, err
		}
	}
	return r.decide(ctx, k)
}

// decide uses the OTP up, and then asks the pool: a request that is made once more after
// the pool did not answer is a repeated one.
func (r *verification) decide(ctx context.Context, k *key) (factor.Touched, error) {
	nonce := r.nonce
	if !r.two {
		nonce = ids.Hex(r.Rand, 32) // nobody can repeat the request
	}
	touched, err := r.Factors.Touch(ctx, k.device, r.parsed, nonce)
	if err == nil || errors.Is(err, cause.Replayed) {
		r.echo = true
	}
	if touched.Repeated {
		err = cause.Because(repeated, "%s, of the same request", cause.Why(err))
	}
	if err != nil {
		return touched, err
	}
	if err := r.askPool(ctx, k, touched); err != nil {
		return touched, err
	}
	if err := r.overridden(true); err != nil {
		return touched, err
	}
	r.call.Why = explained(touched)
	return touched, nil
}

// readOptions reads nonce, sl and timeout, of which protocol 1.0 knows nothing.
func (r *verification) readOptions() error {
	r.level, r.timeout, r.counts = r.set.SyncLevel, r.set.SyncTimeout, isOne(r.query.value("timestamp"))
	if !r.two {
		return nil
	}
	if r.nonce = r.query.value("nonce"); r.nonce == "" || r.nonce == "0" {
		return cause.Because(missing, "protocol 2.0 wants a nonce")
	}
	switch sl := r.query.value("sl"); {
	case sl == "":
	case strings.EqualFold(sl, "fast"):
		r.level = r.set.FastLevel
	case strings.EqualFold(sl, "secure"):
		r.level = r.set.SecureLevel
	default:
		if r.level = intval(sl); r.level < 1 {
			return cause.Because(missing, "sl is %q, which is neither a level nor fast or secure", sl)
		}
	}
	if timeout := r.query.value("timeout"); timeout != "" {
		n, err := strconv.Atoi(timeout)
		if !digits(timeout) {
			return cause.Because(missing, "timeout is %q, which is no number of seconds", timeout)
		}
		if r.timeout = n; err != nil {
			r.timeout = math.MaxInt32
		}
	}
	return nil
}

func (r *verification) readOTP() (err error) {
	r.otp = factor.FromDvorak(strings.ToLower(r.query.value("otp")))
	r.parsed, err = factor.ParseOTP(r.otp)
	return err
}

// longestClient is how many digits the number of a client has, leading zeros included.
const longestClient = 10

func (r *verification) readClient() error {
	id := r.query.value("id")
	if len(id) > longestClient || !digits(id) || strings.Trim(id, "0") == "" {
		return cause.Because(missing, "id is %q, which is no number of a client", id)
	}
	r.client, _ = strconv.ParseUint(id, 10, 64) // ten digits
	return nil
}

func (r *verification) readNonce() error {
	if r.two && (len(r.nonce) < 16 || len(r.nonce) > 40 || strings.ContainsFunc(r.nonce, notAlphanumeric)) {
		return cause.Because(missing, "a nonce has 16 to 40 letters and digits")
	}
	return nil
}

func notAlphanumeric(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

func (r *verification) lookUp() error {
	c, ok := r.clients[r.client]
	if !ok || !c.active {
		return cause.Because(noClient, "%s is unknown or not active", number(r.client))
	}
	r.by = c.by
	return nil
}

// checkSignature looks at h, if there is one.
func (r *verification) checkSignature() error {
	h := r.query.value("h")
	if h == "" {
		return nil
	}
	if !r.call.NoFaults() {
		if _, hit := r.call.Fault(faultPlus); hit {
			h = strings.ReplaceAll(h, "+", " ")
		}
	}
	if want := r.by.sign(r.query.signed()); subtle.ConstantTimeCompare([]byte(want), []byte(h)) != 1 {
		return cause.Because(badSignature, "%s signed %q, not %q", number(r.client), h, want)
	}
	return nil
}

// repeats are the members of the request that an answer of protocol 2.0 repeats, once
// the OTP has been decided about, and what the pool said.
func (r *verification) repeats() []member {
	if !r.two || !r.echo {
		return nil
	}
	return append([]member{{"otp", r.otp}, {"nonce", r.nonce}}, r.pool...)
}

// shown are the counters, for those who asked for them.
func (r *verification) shown(t factor.Touched) []member {
	if !r.counts {
		return nil
	}
	return []member{{"timestamp", strconv.Itoa(int(t.Timestamp))}, {"sessioncounter", strconv.Itoa(int(t.Session))}, {"sessionuse", strconv.Itoa(int(t.Use))}}
}

// explained is what the journal says of an OTP that was good. Like ykval it warns of one
// that was typed long before it was sent, and takes it all the same.
func explained(t factor.Touched) string {
	why := t.Row.String()
	if t.Row.Session != t.Before.Session || t.Before.Modified < 0 {
		return why
	}
	typed := time.Duration(int(t.Timestamp)-(t.Before.High<<16+t.Before.Low)) * time.Second / 8
	sent := time.Duration(t.Row.Modified-t.Before.Modified) * time.Second
	if off := (sent - typed).Abs(); off > 20*time.Second && float64(off) > 0.3*float64(sent) {
		why += ", typed " + typed.String() + " after the one before it and sent " + sent.String() + " after it"
	}
	return why
}

// rowOf is what this server has seen of a key, whether it knows the key or not.
func (s *Server) rowOf(ctx context.Context, publicID string) (r row, seen bool, err error) {
	k := s.keys[publicID]
	if k == nil {
		return s.rows.Read(ctx, publicID)
	}
	var active bool
	r.YubikeyRow, active, seen, err = s.Factors.Yubikey(ctx, k.device)
	r.Inactive = !active
	return r, seen || r.Inactive, err
}

// advance raises what this server has seen of a key, and returns what it was.
func (s *Server) advance(ctx context.Context, publicID string, to factor.YubikeyRow) (before row, err error) {
	if k := s.keys[publicID]; k != nil {
		var active bool
		before.YubikeyRow, active, err = s.Factors.Advance(ctx, k.device, to)
		before.Inactive = !active
		return before, err
	}
	return advanceIn(ctx, s.rows, publicID, to)
}

// advanceIn is advance for rows of a collection, where a key is seen for the first time
// with counters of -1.
func advanceIn(ctx context.Context, rows *state.Collection[row], key string, to factor.YubikeyRow) (before row, err error) {
	err = rows.Change(ctx, key, func(r *row, found bool) error {
		if !found {
			*r = row{YubikeyRow: factor.NewYubikeyRow()}
		}
		before = *r
		switch {
		case to.Above(r.YubikeyRow):
			r.YubikeyRow = to
		case found:
			return state.ErrKeep
		}
		return nil
	})
	return before, err
}
