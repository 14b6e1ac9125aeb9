package fleet

import (
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
	slots := make(chan struct{}, 1)
	slots <- struct{}{}
	return newWire(c, slots)
}
