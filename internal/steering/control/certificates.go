package control

import (
	"cmp"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/pki"
)

// certificateRoutes hand out the CA's certificate and those that it issues.
func (s *Server) certificateRoutes() []dialect.Route {
	return []dialect.Route{
		s.route("GET", "/ca.pem", func(c echo.Context) error { return c.Blob(200, "application/x-pem-file", s.PKI.PEM()) }),
		s.route("GET", "/ca/server/:name", func(c echo.Context) error { return s.issue(c, false) }),
		s.route("GET", "/ca/client/:name", func(c echo.Context) error { return s.issue(c, true) }),
	}
}

// issue answers with key, certificate and CA in one file: PEM, or PKCS#12.
func (s *Server) issue(c echo.Context, client bool) error {
	if err := known(c, "also", "format", "password"); err != nil {
		return err
	}
	names := []string{c.Param("name")}
	if also := c.QueryParam("also"); also != "" {
		names = append(names, strings.Split(also, ",")...)
	}
	format, err := word(c, "format", "pem", "p12")
	if err != nil {
		return err
	}
	format = cmp.Or(format, "pem")
	if c.QueryParams().Has("password") && format == "pem" {
		return cause.Because(cause.BadInput, "a password is for format=p12; the key of a PEM file is not encrypted")
	}
	issued, err := s.PKI.Issue(pki.Request{Names: names, Client: client})
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	if format == "p12" {
		password := pki.Password
		if c.QueryParams().Has("password") {
			password = c.QueryParam("password")
		}
		file, err := issued.PKCS12(password)
		if err != nil {
			return err
		}
		return c.Blob(200, "application/x-pkcs12", file)
	}
	key, err := issued.Key()
	if err != nil {
		return err
	}
	return c.Blob(200, "application/x-pem-file", append(key, issued.Chain()...))
}
