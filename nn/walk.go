package nn

import (
	"path"
	"reflect"
	"strconv"
	"strings"

	"github.com/seed073b5613/filigree/grad"
)

// Layer maps a value to a value. A nil tape, or one without gradients, is inference.
type Layer interface {
	Forward(t *grad.Tape, x *grad.Var) *grad.Var
}

// Params returns the parameters found in the exported fields of net, in the order of
// the fields, and gives each its dotted name: fields by their name in lower case,
// elements of slices by their index, embedded and unnamed steps left out.
func Params(net any) []*Param {
	var ps []*Param
	seen := map[*Param]bool{}
	walk(reflect.ValueOf(net), "", func(path string, v reflect.Value) bool {
		p, ok := v.Interface().(*Param)
		if ok && p != nil && !seen[p] {
			seen[p] = true
			p.Name = path
			ps = append(ps, p)
		}
		return ok
	})
	return ps
}

// Buffer is state that is saved with a network but not trained: running statistics.
type Buffer struct {
	Name string
	Data []float32
}

// Buffers returns the buffers found in net, named like [Params] does.
func Buffers(net any) []*Buffer {
	var bs []*Buffer
	walk(reflect.ValueOf(net), "", func(path string, v reflect.Value) bool {
		b, ok := v.Interface().(*Buffer)
		if ok && b != nil {
			b.Name = path
			bs = append(bs, b)
		}
		return ok
	})
	return bs
}

// BatchNorms returns the batch norms found in net, in the order of the fields.
func BatchNorms(net any) []*BatchNorm {
	var bs []*BatchNorm
	walk(reflect.ValueOf(net), "", func(_ string, v reflect.Value) bool {
		b, ok := v.Interface().(*BatchNorm)
		if ok && b != nil {
			bs = append(bs, b)
		}
		return ok
	})
	return bs
}

// walk visits the exported fields below v; visit returns true for what it has taken.
func walk(v reflect.Value, path string, visit func(path string, v reflect.Value) bool) {
	if !v.IsValid() || !v.CanInterface() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && !visit(path, v) {
			walk(v.Elem(), path, visit)
		}
	case reflect.Interface:
		walk(v.Elem(), path, visit)
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			step := strings.ToLower(f.Name)
			if f.Anonymous {
				step = ""
			}
			walk(v.Field(i), join(path, step), visit)
		}
	case reflect.Slice, reflect.Array:
		if k := v.Type().Elem().Kind(); k != reflect.Pointer && k != reflect.Interface && k != reflect.Struct && k != reflect.Slice {
			return
		}
		for i := range v.Len() {
			walk(v.Index(i), join(path, strconv.Itoa(i)), visit)
		}
	}
}

func join(path, step string) string {
	if path == "" || step == "" {
		return path + step
	}
	return path + "." + step
}

// ZeroGrads sets the gradients of ps to zero.
func ZeroGrads(ps []*Param) {
	for _, p := range ps {
		if p.Grad != nil {
			clear(p.Grad.Data)
		}
	}
}

// Density returns the share of prunable weights of net that exist.
func Density(net any) float64 {
	live, size := 0, 0
	for _, p := range Params(net) {
		if p.Prunable {
			live += p.NNZ()
			size += p.Size()
		}
	}
	if size == 0 {
		return 1
	}
	return float64(live) / float64(size)
}

// Match returns a function that reports whether a parameter's name is one of the names,
// is below one of them ("head" for "head.weight"), or fits one as a pattern of
// [path.Match] ("stages.*.conv1").
func Match(names ...string) func(name string) bool {
	return func(name string) bool {
		for _, n := range names {
			n = strings.TrimSpace(n)
			for at := name; at != ""; at = at[:max(strings.LastIndexByte(at, '.'), 0)] {
				if ok, err := path.Match(n, at); n != "" && (n == at || ok && err == nil) {
					return true
				}
			}
		}
		return false
	}
}
