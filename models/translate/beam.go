package translate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/kernel"
)

// Search says how translations are looked for. The zero value is greedy.
type Search struct {
	Beam    int     // sequences kept for each sentence; 0 or 1 for the likeliest token each time
	Penalty float64 // α of the length penalty ((5 + length)/6)^α (Wu et al. 2016, equation 14)
	Extra   int     // tokens a translation may be longer than its source; 0 for 50
	Batch   int     // sentences at a time; 0 for 32
}

// Translate returns the translation of each sentence. It returns soon after ctx ends.
func (m *Model) Translate(ctx context.Context, sentences []string, s Search) ([]string, error) {
	if m.BPE == nil {
		return nil, errNoText
	}
	sources := make([][]int32, len(sentences))
	for i, text := range sentences {
		sources[i] = m.BPE.Encode(nil, text)
	}
	found, err := m.TranslateTokens(ctx, sources, s)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(found))
	for i, tokens := range found {
		out[i] = m.BPE.Decode(tokens)
	}
	return out, nil
}

// TranslateTokens returns the translation of each source, without begin and end.
func (m *Model) TranslateTokens(ctx context.Context, sources [][]int32, s Search) ([][]int32, error) {
	if s.Beam < 0 || s.Penalty < 0 || s.Extra < 0 || s.Batch < 0 {
		return nil, fmt.Errorf("translate: search %+v: must not be negative", s)
	}
	s.Beam, s.Extra, s.Batch = max(s.Beam, 1), cmp.Or(s.Extra, 50), cmp.Or(s.Batch, 32)
	order := make([]int, len(sources)) // like lengths together
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return len(sources[i]) - len(sources[j]) })
	out := make([][]int32, len(sources))
	for batch := range slices.Chunk(order, s.Batch) {
		group := make([][]int32, len(batch))
		for j, i := range batch {
			group[j] = sources[i]
		}
		found, err := m.search(ctx, group, s)
		if err != nil {
			return nil, err
		}
		for j, i := range batch {
			out[i] = found[j]
		}
	}
	return out, nil
}

// hypothesis is a translation under way or done.
type hypothesis struct {
	tokens []int32
	logP   float64
	score  float64 // of one that is done: logP over the length penalty
}

// beam is the search for one sentence's translation.
type beam struct {
	alive []hypothesis // best first
	done  []hypothesis // best first
	most  int          // tokens it may have
	over  bool
}

// candidate is a continuation of hypothesis from.
type candidate struct {
	from  int
	token int32
	logP  float64
}

// search translates one batch.
func (m *Model) search(ctx context.Context, sources [][]int32, s Search) ([][]int32, error) {
	longest := len(slices.MaxFunc(sources, func(a, b []int32) int { return len(a) - len(b) })) + s.Extra
	session := NewSession(m, sources, s.Beam, longest+1)
	beams := make([]beam, len(sources))
	for i := range beams {
		beams[i] = beam{alive: []hypothesis{{}}, most: len(sources[i]) + s.Extra}
	}
	last, from := make([]int32, session.B), make([]int32, session.B)
	for i := range last {
		last[i] = data.BeginToken
	}
	var room []candidate
	for range longest + 1 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		logits := session.Next(last)
		kernel.SoftmaxColumns(logits.Rows(), session.B, logits.Data, logits.Data)
		open := false
		for i := range beams {
			b := &beams[i]
			if !b.over {
				room = b.candidates(room, logits.Data, session.B, i*s.Beam, s.Beam)
				b.advance(room, s, from[i*s.Beam:], last[i*s.Beam:], i*s.Beam)
			}
			if b.over {
				for j := range s.Beam {
					from[i*s.Beam+j], last[i*s.Beam+j] = int32(i*s.Beam+j), data.EndToken
				}
			}
			open = open || !b.over
		}
		if !open {
			break
		}
		session.Select(from)
	}
	out := make([][]int32, len(sources))
	for i, b := range beams {
		out[i] = b.best(s.Penalty)
	}
	return out, nil
}

// candidates returns the 2·width likeliest continuations, best first: whatever ends, width
// are left that do not. p holds probabilities [V, B], those of the first hypothesis in
// column lane.
func (b *beam) candidates(room []candidate, p []float32, B, lane, width int) []candidate {
	room = room[:0]
	most := 2 * width
	worst := math.Inf(-1)
	for from, h := range b.alive {
		// Only probabilities above this one can come in; the logarithm is left for those.
		least := float32(math.Exp(worst - h.logP))
		for v, at := 0, lane+from; at < len(p); v, at = v+1, at+B {
			if v == data.PadToken || v == data.BeginToken || p[at] <= least {
				continue
			}
			c := candidate{from, int32(v), h.logP + math.Log(float64(p[at]))}
			if len(room) == most {
				room = room[:most-1]
			}
			i, _ := slices.BinarySearchFunc(room, c, func(x, c candidate) int { return cmp.Compare(c.logP, x.logP) })
			for i < len(room) && room[i].logP == c.logP {
				i++
			}
			room = slices.Insert(room, i, c)
			if len(room) == most {
				worst = room[most-1].logP
				least = float32(math.Exp(worst - h.logP))
			}
		}
	}
	return room
}

// advance goes on with the best candidates. from and last become the columns the live
// hypotheses continue and their newest tokens.
func (b *beam) advance(candidates []candidate, s Search, from, last []int32, lane int) {
	var alive []hypothesis
	for rank, c := range candidates {
		parent := b.alive[c.from]
		if c.token == data.EndToken {
			if rank < s.Beam {
				h := hypothesis{tokens: parent.tokens, logP: c.logP}
				h.score = c.logP / lengthPenalty(len(h.tokens), s.Penalty)
				b.done = append(b.done, h)
			}
			continue
		}
		if len(alive) < s.Beam && len(parent.tokens) < b.most {
			from[len(alive)], last[len(alive)] = int32(lane+c.from), c.token
			alive = append(alive, hypothesis{tokens: append(slices.Clone(parent.tokens), c.token), logP: c.logP})
		}
	}
	for i := len(alive); i < s.Beam; i++ { // columns nobody uses
		from[i], last[i] = int32(lane), data.EndToken
	}
	slices.SortStableFunc(b.done, func(x, y hypothesis) int { return cmp.Compare(y.score, x.score) })
	if len(alive) == 0 {
		b.over = true // b.alive stays, for a search that ends without an end
		return
	}
	b.alive = alive
	if len(b.done) > 0 {
		// A live hypothesis can only lose probability, so this is the best it may come to.
		hope := alive[0].logP / lengthPenalty(b.most, s.Penalty)
		b.over = b.done[0].score >= hope || s.Beam == 1
	}
}

// best returns the tokens of the best finished translation, else of the best one.
func (b *beam) best(penalty float64) []int32 {
	if len(b.done) > 0 {
		return b.done[0].tokens
	}
	return b.alive[0].tokens
}

// lengthPenalty is lp(Y) of Wu et al. (2016), equation 14, for so many tokens and the end.
func lengthPenalty(tokens int, alpha float64) float64 {
	return math.Pow(float64(5+tokens+1)/6, alpha)
}
