package align

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Interval is a stretch of time, in seconds, and what is in it.
type Interval struct {
	Start, End float64
	Label      string
}

// Tier is a row of intervals, in order and apart from each other.
type Tier struct {
	Name      string
	Intervals []Interval
}

// WriteTextGrid writes tiers over so many seconds as a TextGrid of Praat (its long text
// format). Time that no interval covers becomes intervals without a label.
func WriteTextGrid(w io.Writer, seconds float64, tiers ...Tier) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0 \nxmax = %.6f \ntiers? <exists> \nsize = %d \nitem []: \n", seconds, len(tiers))
	for i, t := range tiers {
		all, err := covered(t, seconds)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "    item [%d]:\n        class = \"IntervalTier\" \n        name = %s \n        xmin = 0 \n        xmax = %.6f \n        intervals: size = %d \n", i+1, quoted(t.Name), seconds, len(all))
		for j, v := range all {
			fmt.Fprintf(b, "        intervals [%d]:\n            xmin = %.6f \n            xmax = %.6f \n            text = %s \n", j+1, v.Start, v.End, quoted(v.Label))
		}
	}
	return b.Flush()
}

// covered returns the intervals of a tier with empty ones between them.
func covered(t Tier, seconds float64) ([]Interval, error) {
	const least = 1e-6
	var all []Interval
	at := 0.0
	for _, v := range t.Intervals {
		if v.Start < at-least || v.End < v.Start || v.End > seconds+least {
			return nil, fmt.Errorf("align: tier %s: %q from %g to %g s does not follow on %g s within %g s", t.Name, v.Label, v.Start, v.End, at, seconds)
		}
		if v.Start > at+least {
			all = append(all, Interval{at, v.Start, ""})
		}
		all = append(all, v)
		at = v.End
	}
	if at < seconds-least {
		all = append(all, Interval{at, seconds, ""})
	}
	return all, nil
}

func quoted(label string) string {
	return `"` + strings.ReplaceAll(strings.Join(strings.Fields(label), " "), `"`, `""`) + `"`
}

// Intervals returns when the segments of a recording of so many seconds begin and end, each
// labelled with its phone. Frames are centred on multiples of 10 ms, so boundaries lie halfway
// between those.
func Intervals(segments []Segment, seconds float64) []Interval {
	at := func(frame int) float64 { return min(max(0, (float64(frame)-0.5)/FrameRate), seconds) }
	out := make([]Interval, len(segments))
	for i, s := range segments {
		out[i] = Interval{at(s.Start), at(s.Start + s.Frames), s.Phone}
	}
	if len(out) > 0 {
		out[len(out)-1].End = seconds
	}
	return out
}
