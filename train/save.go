package train

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/sparse"
)

// save writes a checkpoint of the loop as it stands. Weights that are no longer
// numbers are never saved over good ones.
func (l *Loop) save() error {
	if l.Dir == nil {
		l.saved, l.seen.Saved = time.Now(), l.state.Step
		return nil
	}
	if name := firstNonFinite(l.params); name != "" {
		return l.nonFinite(l.state.Loss)
	}
	c := l.state
	c.sections = nil
	c.Seconds = l.seconds()
	seen := l.seen
	seen.Saved = c.Step
	var err error
	if c.Logs, err = l.Dir.marks(); err != nil {
		return err
	}
	if err := l.gather(&c, seen); err != nil {
		return fmt.Errorf("train: checkpoint: %w", err)
	}
	if err := c.Save(l.Dir.Checkpoint()); err != nil {
		return err
	}
	l.seen, l.saved, l.good = seen, time.Now(), c.Step
	l.report(Event{Kind: Saved, Loss: math.NaN()})
	return nil
}

// gather fills the sections of a checkpoint. Values are not copied: they are
// written out before the next step.
func (l *Loop) gather(c *Checkpoint, seen progress) error {
	b, err := json.Marshal(seen)
	if err != nil {
		return err
	}
	c.put("progress", b)
	for _, p := range l.params {
		putParam(c, p)
	}
	for _, b := range nn.Buffers(l.Net) {
		c.putFloats("buffer/"+b.Name, b.Data)
	}
	if o, ok := l.Optim.(optim.Stateful); ok {
		putState(c, "optim", o)
	}
	if l.Average != nil {
		putState(c, "average", l.Average)
	}
	return l.stateful(func(name string, v stateful) error {
		b, err := v.MarshalBinary()
		if err != nil {
			return fmt.Errorf("state of the %s: %w", name, err)
		}
		c.put(name, b)
		return nil
	})
}

// restore brings the loop to a checkpoint.
func (l *Loop) restore(c *Checkpoint) error {
	if c.Step > l.Steps {
		return fmt.Errorf("the checkpoint is at step %d, the run ends at %d", c.Step, l.Steps)
	}
	l.state = *c
	l.state.sections = nil
	if l.state.Step < l.BestFrom { // a best one there may be is of a network that does not count
		l.state.Best, l.state.Scored = 0, false
	}
	b, err := c.get("progress")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &l.seen); err != nil {
		return fmt.Errorf("section %q: %w", "progress", err)
	}
	for _, p := range l.params {
		if err := getParam(c, p); err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
	}
	for _, b := range nn.Buffers(l.Net) {
		if err := getInto(c, "buffer/"+b.Name, b.Data); err != nil {
			return err
		}
	}
	o, ok := l.Optim.(optim.Stateful)
	if !ok {
		return fmt.Errorf("the optimizer %T cannot be resumed", l.Optim)
	}
	if err := getState(c, "optim", l.params, o); err != nil {
		return fmt.Errorf("state of the optimizer: %w", err)
	}
	if l.Average != nil {
		if err := getState(c, "average", l.params, l.Average); err != nil {
			return fmt.Errorf("average of the weights: %w", err)
		}
	}
	return l.stateful(func(name string, v stateful) error {
		b, err := c.get(name)
		if err != nil {
			return err
		}
		if err := v.UnmarshalBinary(b); err != nil {
			return fmt.Errorf("state of the %s: %w", name, err)
		}
		return nil
	})
}

// stateful is what keeps its own state across a resume.
type stateful interface {
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// stateful visits the parts of the loop with state of their own.
func (l *Loop) stateful(visit func(name string, v stateful) error) error {
	if err := visit("data", l.Data); err != nil {
		return err
	}
	if err := visit("random", l.random()); err != nil {
		return err
	}
	if m, ok := l.Prune.(stateful); ok {
		return visit("method", m)
	}
	return nil
}

// putParam stores the values and the topology of a parameter.
func putParam(c *Checkpoint, p *nn.Param) {
	at := "param/" + p.Name
	c.putFloats(at+"/values", p.Values())
	switch {
	case p.Sparse != nil:
		c.put(at+"/mask", bytesOf(p.Sparse.Mask().Bits))
		c.put(at+"/sparse", []byte{byte(p.Sparse.R)})
	case p.Mask != nil:
		c.put(at+"/mask", bytesOf(p.Mask.Bits))
		c.put(at+"/masked", []byte{byte(p.Mask.R)})
	}
}

// getParam restores what putParam stored. A matrix of one topology has one
// order of entries, so values by position need no keys.
func getParam(c *Checkpoint, p *nn.Param) error {
	at := "param/" + p.Name
	_, isSparse := c.sections[at+"/sparse"]
	_, isMasked := c.sections[at+"/masked"]
	if !isSparse && !isMasked {
		p.SetDense()
		return getInto(c, at+"/values", p.Values())
	}
	kind := "/masked"
	if isSparse {
		kind = "/sparse"
	}
	r, err := c.get(at + kind)
	if err != nil {
		return err
	}
	if len(r) != 1 || r[0] == 0 {
		return fmt.Errorf("section %q is damaged", at+kind)
	}
	mask := sparse.NewMask(p.M(), p.K(), int(r[0]))
	if err := getInto(c, at+"/mask", mask.Bits); err != nil {
		return err
	}
	if isSparse {
		p.SetSparse(mask)
	} else {
		p.SetMasked(mask)
	}
	return getInto(c, at+"/values", p.Values())
}
