package eshybrid

import (
	"io"
	"testing"
	"time"
)

// Plans are valid at every budget, and have the runs their claims are about.
func TestPlans(t *testing.T) {
	for _, budget := range []time.Duration{time.Minute, 20 * time.Minute, 100 * time.Hour} {
		s := Study(budget)
		if err := s.List(io.Discard); err != nil {
			t.Error(err)
		}
		labels := map[string]bool{}
		for _, g := range s.Groups {
			for _, e := range g.Entries {
				if err := e.Settings.Validate(); err != nil {
					t.Errorf("%v: %s: %v", budget, e.Label, err)
				}
				labels[g.Key+e.Label] = true
			}
		}
		for _, c := range s.Claims {
			if !labels[c.Group+c.A] || !labels[c.Group+c.B] {
				t.Errorf("%v: no runs for the claim %s", budget, c.Text())
			}
		}
	}
}
