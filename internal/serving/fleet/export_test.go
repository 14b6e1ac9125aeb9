package fleet

import (
	"log/slog"
	"net"
	"net/http"
	"time"
)

// HurryAnswers is HurryBodies for the time in which answers must be taken.
func HurryAnswers(d time.Duration) (back func()) {
	was := answerTimeout
	answerTimeout = d
	return func() { answerTimeout = was }
}

// HurrySweeps is HurryBodies for how often connections are looked at.
func HurrySweeps(d time.Duration) (back func()) {
	was := sweepEvery
	sweepEvery = d
	return func() { sweepEvery = was }
}

// HurryBodies sets the time-out of bodies and returns what sets it back.
func HurryBodies(d time.Duration) (back func()) {
	was := bodyTimeout
	bodyTimeout = d
	return func() { bodyTimeout = was }
}

// Handler is what serves a port's requests.
func (f *Fleet) Handler(name string) http.Handler {
	for _, p := range f.ports {
		if p.Port.Name == name {
			return f.handler(p)
		}
	}
	return nil
}

// NewWire is a connection of an HTTP port.
func NewWire(c net.Conn) net.Conn {
	l, _ := newConnections(1, slog.New(slog.DiscardHandler)).admit(c, nil)
	return newWire(l)
}
