package control

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
)

// yubikeyRoutes are the YubiKeys themselves, and what servers have seen of them.
func (s *Server) yubikeyRoutes() []dialect.Route {
	return []dialect.Route{
		s.heavy("GET", "/yubikeys", s.yubikeys),
		s.route("GET", "/yubikeys/:key", s.yubikey),
		s.route("PATCH", "/yubikeys/:key", s.setYubikey),
		s.route("POST", "/yubikeys/:key/press", s.press),
		s.route("POST", "/yubikeys/:key/power-cycle", s.powerCycle),
	}
}

// yubikey is a key on the wire.
type yubikey struct {
	Device   string            `json:"device"`
	PublicID string            `json:"public_id"`
	User     string            `json:"user,omitempty"`
	Active   bool              `json:"active"`
	Row      factor.YubikeyRow `json:"row"`  // what was accepted last
	Next     typesNext         `json:"next"` // of the key itself
}

// typesNext is what a key types next.
type typesNext struct {
	Session uint16 `json:"session"`
	Use     uint8  `json:"use"`
}

func (s *Server) shownYubikey(ctx context.Context, d world.Device) (yubikey, error) {
	row, active, _, err := s.Factors.Yubikey(ctx, d)
	if err != nil {
		return yubikey{}, err
	}
	v, err := s.Factors.Virtual(ctx, d)
	return yubikey{Device: d.ID, PublicID: d.PublicID, User: d.UserID, Active: active, Row: row, Next: typesNext{v.Session, v.Use}}, err
}

func (s *Server) yubikeys(c echo.Context) error {
	if err := known(c); err != nil {
		return err
	}
	var rows []yubikey
	for _, d := range s.Factors.Yubikeys() {
		row, err := s.shownYubikey(c.Request().Context(), d)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return list(c, "yubikeys", rows)
}

// yubikey shows one, by its device's ID or its public ID.
func (s *Server) yubikey(c echo.Context) error {
	d, err := s.Factors.FindYubikey(c.Request().Context(), c.Param("key"))
	if err != nil {
		return err
	}
	return s.showYubikey(c, d)
}

func (s *Server) showYubikey(c echo.Context, d world.Device) error {
	row, err := s.shownYubikey(c.Request().Context(), d)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, row)
}

// setYubikey changes what servers have seen of a key, as if another one was ahead of
// them or they had lost something.
func (s *Server) setYubikey(c echo.Context) error {
	var in struct {
		Session *int    `json:"session"`
		Use     *int    `json:"use"`
		High    *int    `json:"high"`
		Low     *int    `json:"low"`
		Mark    *string `json:"mark"`
		Active  *bool   `json:"active"`
	}
	if err := read(c, &in, false); err != nil {
		return err
	}
	ctx := c.Request().Context()
	d, err := s.Factors.FindYubikey(ctx, c.Param("key"))
	if err != nil {
		return err
	}
	row, _, _, err := s.Factors.Yubikey(ctx, d)
	if err != nil {
		return err
	}
	for _, x := range []struct {
		name string
		to   *int
		of   *int
		most int
	}{{"session", in.Session, &row.Session, 1<<16 - 1}, {"use", in.Use, &row.Use, 1<<8 - 1}, {"high", in.High, &row.High, 1<<8 - 1}, {"low", in.Low, &row.Low, 1<<16 - 1}} {
		if x.to == nil {
			continue
		}
		if *x.to < -1 || *x.to > x.most {
			return cause.Because(cause.BadInput, "%s goes from -1 to %d", x.name, x.most)
		}
		*x.of = *x.to
	}
	if in.Mark != nil {
		row.Mark = *in.Mark
	}
	if err := s.Factors.SetYubikey(ctx, d.ID, row); err != nil {
		return err
	}
	if in.Active != nil {
		if err := s.Factors.Disable(ctx, d.ID, !*in.Active); err != nil {
			return err
		}
	}
	return s.showYubikey(c, d)
}

// mostPresses bounds how often a key is touched at once.
const mostPresses = 1000

// press touches a key and shows what it types.
func (s *Server) press(c echo.Context) error {
	var in struct {
		Count  int    `json:"count"`
		Policy string `json:"policy"`
	}
	if err := read(c, &in, true); err != nil {
		return err
	}
	if in.Count == 0 {
		in.Count = 1
	}
	if in.Count < 1 || in.Count > mostPresses {
		return cause.Because(cause.BadInput, "count goes from 1 to %d", mostPresses)
	}
	ctx := c.Request().Context()
	d, err := s.Factors.FindYubikey(ctx, c.Param("key"))
	if err != nil {
		return err
	}
	otps := make([]string, in.Count)
	for i := range otps {
		if otps[i], err = s.Factors.Press(ctx, d.ID, in.Policy); err != nil {
			return err
		}
	}
	return c.JSON(http.StatusOK, map[string]any{"device": d.ID, "otp": otps[len(otps)-1], "otps": otps})
}

// powerCycle takes a key out and puts it in again.
func (s *Server) powerCycle(c echo.Context) error {
	ctx := c.Request().Context()
	d, err := s.Factors.FindYubikey(ctx, c.Param("key"))
	if err != nil {
		return err
	}
	if _, err := s.Factors.PowerCycle(ctx, d.ID); err != nil {
		return err
	}
	return s.showYubikey(c, d)
}
