package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
)

// starters are the methods that take a ticket.
var starters = []string{"lottery", "scratch", "set", "snfs", "rigl", "magnitude", "random"}

// keyOrigin is the metadata of a model file that holds where its first weights came from, if
// its settings do not tell.
const keyOrigin = "first_weights"

// origin says where the first weights of a run come from: random numbers or a model.
type origin struct {
	Seed   uint64 `json:"seed"`
	Stream uint64 `json:"stream"`
	Init   string `json:"init,omitempty"`
}

// own is the origin of first weights that no other run has had.
func (c config) own() origin { return origin{c.Seed, weightStream(c.Method), c.Init} }

// first returns where the first weights of a run that has begun come from.
func (c config) first() origin {
	if c.First != nil {
		return *c.First
	}
	return c.own()
}

// origin returns where the first weights of a run that begins are to come from: those of a
// lottery ticket from where the run that found the topology had them, unless --init names others.
func (c config) origin() (origin, error) {
	if c.Method != "lottery" || c.Ticket == "" || c.Init != "" {
		return c.own(), nil
	}
	m, err := Open(c.Ticket)
	if err != nil {
		return origin{}, fmt.Errorf("--ticket: %w", err)
	}
	o, err := m.from()
	if err != nil {
		err = fmt.Errorf("tasks: --ticket %s: %w: name these with --init", c.Ticket, err)
	}
	return o, err
}

// from returns where the first weights of a model came from, if it tells enough to make them.
func (m *Model) from() (origin, error) {
	switch o := m.origin; {
	case !m.seeded:
		return o, errors.New("its metadata does not tell the seed of its first weights")
	case o.Init != "" && !filepath.IsAbs(o.Init): // a file does not tell where on the machine it was
		return o, fmt.Errorf("its first weights were those of %s", o.Init)
	default:
		return o, nil
	}
}

// network builds a network with these first weights.
func (o origin) network(set *dataset) (*model, error) {
	net, err := set.build(rand.New(rand.NewPCG(o.Seed, o.Stream)))
	if err != nil || o.Init == "" {
		return net, err
	}
	return net, startFrom(net, o.Init)
}

// metadata returns what a model file tells of its training, without folders of the machine.
func (c config) metadata(from origin) (map[string]string, error) {
	same := from == c.own()
	c.Data, c.Threads, c.SaveSeconds, c.Ranks, c.First = "", 0, 0, 0, nil
	if c.Ticket != "" {
		c.Ticket = filepath.Base(c.Ticket) // it may be in a run of any name
	}
	c.Init, from.Init = shortPath(c.Init), shortPath(from.Init)
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	all := map[string]string{keySettings: string(text)}
	if !same {
		text, err := json.Marshal(from)
		if err != nil {
			return nil, err
		}
		all[keyOrigin] = string(text)
	}
	return all, nil
}
