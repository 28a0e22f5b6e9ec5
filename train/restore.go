package train

import (
	"fmt"
	"strings"

	"github.com/seed073b5613/filigree/optim"
)

// restoreOptim hands the optimizer the slots of a checkpoint.
func (l *Loop) restoreOptim(c *Checkpoint) error {
	state := map[string][][]float32{}
	for section := range c.sections {
		rest, ok := strings.CutPrefix(section, "optim/")
		if !ok {
			continue
		}
		at := strings.LastIndexByte(rest, '/')
		if at < 0 {
			return fmt.Errorf("section %q is damaged", section)
		}
		name := rest[:at]
		if state[name] != nil {
			continue
		}
		for i := 0; ; i++ {
			if _, ok := c.sections[fmt.Sprintf("optim/%s/%d", name, i)]; !ok {
				break
			}
			v, err := getSlice[float32](c, fmt.Sprintf("optim/%s/%d", name, i))
			if err != nil {
				return err
			}
			state[name] = append(state[name], v)
		}
	}
	o, ok := l.Optim.(optim.Stateful)
	if !ok {
		return fmt.Errorf("the optimizer %T cannot be resumed", l.Optim)
	}
	if err := o.Load(l.params, state); err != nil {
		return fmt.Errorf("state of the optimizer: %w", err)
	}
	return nil
}
