package control

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/serving/journal"
)

// ownTimes is a row of /times. Times are milliseconds.
type ownTimes struct {
	Server  string      `json:"server"`
	Op      string      `json:"op"`
	Count   uint64      `json:"count"`
	P50     float64     `json:"p50"`
	P90     float64     `json:"p90"`
	P99     float64     `json:"p99"`
	P999    float64     `json:"p999"`
	Max     float64     `json:"max"`
	Buckets [][2]uint64 `json:"buckets"` // the longest time of each in microseconds, and how many it has
}

// times are how long operations took the servers themselves.
func (s *Server) times(c echo.Context) error {
	counted, err := s.Counted(c.Request().Context())
	if err != nil {
		return err
	}
	rows := []ownTimes{}
	for _, t := range counted.Times() {
		row := ownTimes{Server: t.Server, Op: t.Op, Count: t.Count(), P50: inMs(t.At(50)), P90: inMs(t.At(90)), P99: inMs(t.At(99)), P999: inMs(t.At(99.9)), Max: inMs(t.At(100)), Buckets: [][2]uint64{}}
		for _, b := range t.Buckets {
			row.Buckets = append(row.Buckets, [2]uint64{uint64(journal.BucketEnd(int(b.Bucket)).Microseconds()), b.Count})
		}
		rows = append(rows, row)
	}
	return c.JSON(http.StatusOK, map[string]any{"times": rows})
}

func inMs(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
