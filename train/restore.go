package train

import (
	"fmt"
	"strings"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
)

// putState stores the slots of an optimizer, or of something like it, below a name.
func putState(c *Checkpoint, below string, o optim.Stateful) {
	for name, slots := range o.State() {
		for i, v := range slots {
			c.putFloats(fmt.Sprintf("%s/%s/%d", below, name, i), v)
		}
	}
}

// getState hands back the slots that putState stored.
func getState(c *Checkpoint, below string, ps []*nn.Param, o optim.Stateful) error {
	state := map[string][][]float32{}
	for section := range c.sections {
		rest, ok := strings.CutPrefix(section, below+"/")
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
			if _, ok := c.sections[fmt.Sprintf("%s/%s/%d", below, name, i)]; !ok {
				break
			}
			v, err := getSlice[float32](c, fmt.Sprintf("%s/%s/%d", below, name, i))
			if err != nil {
				return err
			}
			state[name] = append(state[name], v)
		}
	}
	return o.Load(ps, state)
}
