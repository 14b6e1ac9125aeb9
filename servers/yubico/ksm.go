package yubico

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/serving/dialect"
)

// phpText is what PHP sends for a script that sets no Content-Type.
const phpText = "text/html; charset=UTF-8"

// stored is the key of an OTP that the key storage module knows.
func (s *Server) stored(ctx context.Context, otp factor.OTP) (*key, error) {
	k := s.keys[otp.PublicID]
	switch {
	case storageDown(ctx):
		return nil, cause.Because(cause.NoDevice, "the key storage module is down")
	case k == nil:
		return nil, cause.Because(cause.NoDevice, "no YubiKey has the public ID %q", otp.PublicID)
	case !k.known:
		return nil, cause.Because(cause.NoDevice, "%s is not active in the key storage module", k.device.ID)
	}
	return k, nil
}

// decrypt is the key storage module: it says what is in an OTP to whoever asks, and uses
// nothing up.
func (s *Server) decrypt(c echo.Context) error {
	ctx := c.Request().Context()
	call := dialect.CallFrom(ctx)
	text := request(c.Request()).raw("otp")
	if text == "" || text == "0" {
		return cause.Because(missing, "there is no otp")
	}
	otp, err := factor.ParseOTP(strings.TrimSuffix(text, "\n"))
	if err != nil {
		return err
	}
	if storageDown(ctx) {
		return cause.Because(backendError, "the key storage module is down")
	}
	k, err := s.stored(ctx, otp)
	if err != nil {
		return err
	}
	call.Actor, call.Object = k.device.UserID, k.device.ID
	if err := call.Admit(ctx); err != nil {
		return err
	}
	x, err := otp.Open(k.device)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, phpText, fmt.Appendf(nil, "OK counter=%04x low=%04x high=%02x use=%02x\n", x.Session, x.Low(), x.High(), x.Use))
}
