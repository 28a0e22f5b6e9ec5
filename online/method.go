package online

import (
	"fmt"
	"strconv"
	"strings"
)

// Rule names how a learner gets its gradient.
type Rule int

// The rules.
const (
	BPTT Rule = iota // back through the steps of a chunk, nothing from before it (Williams and Peng 1990)
	RTRL             // forward mode, exact (Williams and Zipser 1989)
	SnAp             // forward mode on the entries reached in Order steps (Menick et al., arXiv:2006.07232, section 3)
	UORO             // unbiased estimate of rank one (Tallec and Ollivier, arXiv:1702.05043)
	RFLO             // the leak of a unit alone (Murray 2019), with the true error
)

// maxOrder bounds n of SnAp-n. No net has paths that long that matter: a larger n is a
// slip of the hand.
const maxOrder = 1000

// Method is a rule and its order.
type Method struct {
	Rule  Rule
	Order int // SnAp-n: n
}

// ParseMethod reads bptt, rtrl, snap-N, uoro or rflo.
func ParseMethod(name string) (Method, error) {
	for rule, text := range map[Rule]string{BPTT: "bptt", RTRL: "rtrl", UORO: "uoro", RFLO: "rflo"} {
		if name == text {
			return Method{Rule: rule}, nil
		}
	}
	if text, ok := strings.CutPrefix(name, "snap-"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxOrder {
			return Method{}, fmt.Errorf("learner %q: n of snap-n must be a whole number from 1 to %d", name, maxOrder)
		}
		return Method{Rule: SnAp, Order: n}, nil
	}
	return Method{}, fmt.Errorf("learner %q: not one of bptt, rtrl, snap-N, uoro, rflo", name)
}

// String returns the name ParseMethod reads.
func (m Method) String() string {
	switch m.Rule {
	case BPTT:
		return "bptt"
	case RTRL:
		return "rtrl"
	case UORO:
		return "uoro"
	case RFLO:
		return "rflo"
	}
	return fmt.Sprintf("snap-%d", m.Order)
}
