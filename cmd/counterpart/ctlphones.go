package main

import (
	"fmt"
	"net/http"
	"net/url"
)

type ctlPhones struct {
	Show   phonesShow   `cmd:"" help:"What somebody's phone shows, as JSON: pushes with what happens if they are left alone, codes with the next ones, messages."`
	Pair   phonesPair   `cmd:"" help:"A token that opens one person's phone and nothing else, and the address of its page."`
	Unpair phonesUnpair `cmd:"" help:"No token of that phone is good any more."`
	URI    phonesURI    `cmd:"" name:"uri" help:"What a real authenticator app reads to show a device's codes."`
}

type phonesShow struct {
	User string `arg:"" help:"Whose."`
}

// Run does what the command is for.
func (x phonesShow) Run(e *env, c *ctlCmd) error { return c.whole(e, "/phone/"+url.PathEscape(x.User)) }

type phonesPair struct {
	User string `arg:"" help:"Whose."`
	Base string `placeholder:"URL" help:"Where the phone finds the control port, as http://192.168.1.5:8099."`
}

// Run does what the command is for.
func (x phonesPair) Run(e *env, c *ctlCmd) error {
	base := x.Base
	if base == "" {
		var err error
		if base, err = c.base(); err != nil {
			return err
		}
	}
	return c.done(e, ask{method: http.MethodPost, path: "/phones/" + url.PathEscape(x.User), in: map[string]string{"base": base}}, "%s\n%s", "token", "url")
}

type phonesUnpair struct {
	User string `arg:"" help:"Whose."`
}

// Run does what the command is for.
func (x phonesUnpair) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{method: http.MethodDelete, path: "/phones/" + url.PathEscape(x.User)}, "no phone of "+x.User+" is let in any more")
}

type phonesURI struct {
	User   string `arg:"" help:"Whose."`
	Device string `arg:"" help:"Which device."`
}

// Run does what the command is for.
func (x phonesURI) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{path: fmt.Sprintf("/phone/%s/devices/%s/uri", url.PathEscape(x.User), url.PathEscape(x.Device))}, "%s", "uri")
}
