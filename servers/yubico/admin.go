package yubico

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
)

// saysOK answers revoke and resync.
func saysOK(c echo.Context, words string) error {
	return c.Blob(http.StatusOK, plainText, []byte("OK "+words+"\n"))
}

// isPublicID is what ykval takes for a public ID: not the empty one.
func isPublicID(text string) bool {
	_, even := world.ParseModhex(text + text) // its length may be odd
	return text != "" && len(text) <= world.LongestPublicID && even
}

// administered is the key that revoke or resync is about.
func (s *Server) administered(c echo.Context, op string) (yk string, p params, err error) {
	r := c.Request()
	if !s.may(op, r) {
		return "", nil, cause.Because(cause.NotAllowed, "Authorization failed (logged %s)", from(r))
	}
	p = request(r)
	if yk = p.raw("yk"); yk == "" || yk == "0" {
		return "", nil, cause.Because(missing, "Missing parameter")
	}
	return yk, p, nil
}

// revoke switches a key off or on here. Its counters stay.
func (s *Server) revoke(c echo.Context) error {
	yk, p, err := s.administered(c, opRevoke)
	if err != nil {
		return err
	}
	do := p.raw("do")
	switch {
	case do == "" || do == "0":
		return cause.Because(missing, "Missing parameter")
	case !isPublicID(yk):
		return cause.Because(missing, "Unknown yk value: %s", yk)
	case do != "enable" && do != "disable":
		return cause.Because(missing, "Unknown do value: %s", do)
	}
	ctx := c.Request().Context()
	if err := s.exists(ctx, yk); err != nil {
		return err
	}
	if k := s.keys[yk]; k != nil {
		call := dialect.CallFrom(ctx)
		call.Actor, call.Object = k.device.UserID, k.device.ID
		if err := call.Admit(ctx); err != nil {
			return err
		}
		err = s.Factors.Disable(ctx, k.device.ID, do == "disable")
	} else {
		err = s.rows.Change(ctx, yk, func(r *row, found bool) error {
			if !found {
				return state.ErrKeep
			}
			r.Inactive = do == "disable"
			return nil
		})
	}
	if err != nil {
		return err
	}
	return saysOK(c, "Processed "+yk+" with "+do)
}

// exists refuses a key that this server has never seen.
func (s *Server) exists(ctx context.Context, yk string) error {
	_, seen, err := s.rowOf(ctx, yk)
	if err == nil && !seen {
		err = cause.Because(cause.NoDevice, "Unknown yubikey: %s", yk)
	}
	return err
}

// resync tells the pool what was seen here of one key, or of all that are active.
func (s *Server) resync(c echo.Context) error {
	yk, _, err := s.administered(c, opResync)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	keys := []string{yk}
	switch {
	case yk == "all":
		if keys, err = s.rows.Keys(ctx, state.Range{}); err != nil {
			return err
		}
		for id := range s.keys {
			keys = append(keys, id)
		}
		slices.Sort(keys)
	case !isPublicID(yk):
		return cause.Because(missing, "Unknown yk value: %s", yk)
	default:
		if err := s.exists(ctx, yk); err != nil {
			return err
		}
	}
	faults := faultsOfPool(dialect.CallFrom(ctx))
	for _, id := range keys {
		r, seen, err := s.rowOf(ctx, id)
		if err != nil {
			return err
		}
		if !seen || yk == "all" && r.Inactive {
			continue
		}
		for _, p := range s.set.SyncPool {
			if p, _ = faults.of(p); p.Down {
				continue
			}
			if _, err := advanceIn(ctx, s.peers, peerKey(p.Name, id), r.YubikeyRow); err != nil {
				return err
			}
		}
	}
	return saysOK(c, "Initiated resync of "+yk)
}

// syncParams are what a peer sends, in the order in which they are missed.
var syncParams = []string{"modified", "otp", "nonce", "yk_publicname", "yk_counter", "yk_use", "yk_high", "yk_low"}

// sync takes what another validation server has seen, and answers what was seen here.
func (s *Server) sync(c echo.Context) error {
	a, err := s.synced(c.Request())
	if err != nil {
		return &refusal{error: err, server: s}
	}
	return s.send(c, a)
}

func (s *Server) synced(r *http.Request) (answer, error) {
	if r.URL.RawQuery == "" {
		return answer{}, cause.Because(missing, "there are no parameters")
	}
	if !s.may(opSync, r) {
		return answer{}, cause.Because(cause.NotAllowed, "%s is not one of the pool", from(r))
	}
	p := parse(r.URL.RawQuery)
	n := map[string]int{}
	for _, name := range syncParams {
		if p.value(name) == "" {
			return answer{}, cause.Because(missing, "%s is missing", name)
		}
	}
	for _, name := range []string{"modified", "yk_counter", "yk_use", "yk_high", "yk_low"} {
		text := p.value(name)
		v, err := strconv.Atoi(text)
		if err != nil || !digits(text) && (text != "-1" || name == "modified") {
			return answer{}, cause.Because(missing, "%s is %q", name, text)
		}
		n[name] = v
	}
	id, nonce := p.value("yk_publicname"), p.value("nonce")
	probe := verification{two: true, nonce: nonce}
	if _, err := factor.ParseOTP(p.value("otp")); err != nil || !isPublicID(id) || probe.readNonce() != nil {
		return answer{}, cause.Because(missing, "otp, yk_publicname or nonce is malformed")
	}
	ctx := r.Context()
	if k := s.keys[id]; k != nil {
		dialect.CallFrom(ctx).Object = k.device.ID
	}
	before, err := s.advance(ctx, id, factor.YubikeyRow{Session: n["yk_counter"], Use: n["yk_use"], High: n["yk_high"], Low: n["yk_low"], Mark: nonce, Modified: int64(n["modified"])})
	if err != nil {
		return answer{}, err
	}
	if before.Inactive {
		return answer{}, cause.Because(cause.DeviceOff, "%s is not active here", id)
	}
	return answer{status: wordOK, members: []member{{"modified", strconv.FormatInt(before.Modified, 10)}, {"nonce", before.Mark}, {"yk_publicname", id},
		{"yk_counter", strconv.Itoa(before.Session)}, {"yk_use", strconv.Itoa(before.Use)}, {"yk_high", strconv.Itoa(before.High)}, {"yk_low", strconv.Itoa(before.Low)}}}, nil
}
