package load

import (
	"encoding/base64"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"counterpart/internal/plugins/load/report"
)

// The range of histograms, in microseconds, with three significant digits. What takes
// longer counts as the longest.
const (
	shortest = 1
	longest  = int64(30 * time.Minute / time.Microsecond)
	digits   = 3
)

// NewHistogram is an empty histogram of a run.
func NewHistogram() *hdrhistogram.Histogram { return newHistogram() }

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(shortest, longest, digits) }

// record puts a time into a histogram.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	h.RecordValue(min(max(d.Microseconds(), 0), longest))
}

// corrected is a histogram with what a closed loop has not asked while it waited for an
// answer: for each time longer than the interval in which it would have asked again, those
// that the requests left out would have felt (Gil Tene, "coordinated omission").
func corrected(h *hdrhistogram.Histogram, interval time.Duration) *hdrhistogram.Histogram {
	out, every := newHistogram(), interval.Microseconds()
	for _, bar := range h.Distribution() {
		if bar.Count == 0 {
			continue
		}
		out.RecordValues(bar.To, bar.Count)
		if every <= 0 {
			continue
		}
		for v := bar.To - every; v >= every; v -= every {
			out.RecordValues(v, bar.Count)
		}
	}
	return out
}

// quantiles of the curve of a histogram, in percent.
var quantiles = []float64{0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 100}

// ms are milliseconds of microseconds.
func ms(us int64) float64 { return float64(us) / 1000 }

// times are what a histogram says; nil of an empty one.
func times(h *hdrhistogram.Histogram) *report.Times {
	if h == nil || h.TotalCount() == 0 {
		return nil
	}
	out := &report.Times{Count: h.TotalCount(), Min: ms(h.Min()), Mean: float64(int64(h.Mean())) / 1000, P50: ms(h.ValueAtQuantile(50)), P90: ms(h.ValueAtQuantile(90)),
		P95: ms(h.ValueAtQuantile(95)), P99: ms(h.ValueAtQuantile(99)), P999: ms(h.ValueAtQuantile(99.9)), Max: ms(h.Max())}
	return out
}

// whole is times with the histogram itself.
func whole(h *hdrhistogram.Histogram) *report.Times {
	out := times(h)
	if out == nil {
		return nil
	}
	for _, q := range quantiles {
		out.Curve = append(out.Curve, ms(h.ValueAtQuantile(q)))
	}
	if text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase); err == nil {
		out.Histogram = base64.StdEncoding.EncodeToString(text)
	}
	return out
}

// valueAt is a percentile; 100 is the longest.
func valueAt(h *hdrhistogram.Histogram, percent float64) time.Duration {
	if percent >= 100 {
		return time.Duration(h.Max()) * time.Microsecond
	}
	return time.Duration(h.ValueAtQuantile(percent)) * time.Microsecond
}
