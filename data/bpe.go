package data

import (
	"bytes"
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Tokens with a meaning of their own; the 256 bytes follow them.
const (
	PadToken   = 0 // fills short sequences up
	BeginToken = 1 // goes before the first token of what is written
	EndToken   = 2 // goes after the last
	firstByte  = 3
	firstMerge = firstByte + 256
)

// longestPiece is how many bytes a token can have.
const longestPiece = 64

// BPE is a byte-pair encoding (Sennrich, Haddow and Birch 2016, section 3.2) of bytes: a
// token is a byte, or two tokens merged. So any text can be written, and is read back as
// it was. Text is cut into pieces first, words with the space before them, numbers and
// runs of other signs; no token crosses their ends. A BPE is safe for concurrent use.
type BPE struct {
	merges []pair
	rank   map[pair]int32 // the merged token
	text   []string       // of each token

	mu    sync.Mutex
	cache map[string][]int32 // of pieces
}

// pair is two tokens side by side.
type pair struct{ left, right int32 }

// mostCached bounds the pieces whose tokens are remembered.
const mostCached = 1 << 17

// LearnBPE learns an encoding of size tokens from texts: it merges the pair that is most
// frequent, of equal ones the one of lower tokens, until there are size tokens or no pair
// comes twice. It panics if size is below that of an encoding without merges, 259.
func LearnBPE(texts []string, size int) *BPE {
	if size < firstMerge {
		panic(fmt.Sprintf("data: LearnBPE: %d tokens are fewer than the %d every encoding has", size, firstMerge))
	}
	l := newLearner(texts)
	b := newBPE()
	for len(b.text) < size {
		p, ok := l.best()
		if !ok {
			break
		}
		l.merge(p, b.add(p))
	}
	return b
}

func newBPE() *BPE {
	b := &BPE{rank: map[pair]int32{}, text: make([]string, firstMerge), cache: map[string][]int32{}}
	for i := range 256 {
		b.text[firstByte+i] = string([]byte{byte(i)})
	}
	return b
}

// add adds a merge and returns its token.
func (b *BPE) add(p pair) int32 {
	token := int32(len(b.text))
	b.merges = append(b.merges, p)
	b.rank[p] = token
	b.text = append(b.text, b.text[p.left]+b.text[p.right])
	return token
}

// Size returns the number of tokens.
func (b *BPE) Size() int { return len(b.text) }

// Encode appends the tokens of text to out. It adds no begin or end.
func (b *BPE) Encode(out []int32, text string) []int32 {
	for len(text) > 0 {
		n := pieceLength(text)
		out = append(out, b.piece(text[:n])...)
		text = text[n:]
	}
	return out
}

// Decode returns the text of tokens. Begin, end and padding have none; it panics on a
// token that is not of the encoding.
func (b *BPE) Decode(tokens []int32) string {
	var s strings.Builder
	for i, t := range tokens {
		if t < 0 || int(t) >= len(b.text) {
			panic(fmt.Sprintf("data: Decode: token %d is %d, the encoding has %d", i, t, len(b.text)))
		}
		s.WriteString(b.text[t])
	}
	return s.String()
}

// piece returns the tokens of a piece.
func (b *BPE) piece(text string) []int32 {
	b.mu.Lock()
	tokens, ok := b.cache[text]
	b.mu.Unlock()
	if ok {
		return tokens
	}
	tokens = bytesOf(text)
	for {
		best, at := int32(-1), 0
		for i := range len(tokens) - 1 {
			if t, ok := b.rank[pair{tokens[i], tokens[i+1]}]; ok && (best < 0 || t < best) {
				best, at = t, i
			}
		}
		if best < 0 {
			break
		}
		tokens[at] = best
		tokens = slices.Delete(tokens, at+1, at+2)
	}
	b.mu.Lock()
	if len(b.cache) < mostCached {
		b.cache[strings.Clone(text)] = tokens
	}
	b.mu.Unlock()
	return tokens
}

func bytesOf(text string) []int32 {
	tokens := make([]int32, len(text))
	for i := range tokens {
		tokens[i] = firstByte + int32(text[i])
	}
	return tokens
}

// The kinds of characters pieces are made of.
const (
	letters = iota
	digits
	spaces
	others
)

func kindOf(text string) (kind, size int) {
	r, size := utf8.DecodeRuneInString(text)
	switch {
	case unicode.IsLetter(r), unicode.IsMark(r):
		kind = letters
	case unicode.IsDigit(r):
		kind = digits
	case unicode.IsSpace(r):
		kind = spaces
	default:
		kind = others
	}
	return kind, size
}

// pieceLength returns the bytes of the first piece of text, which is not empty: characters
// of one kind, and the space before them.
func pieceLength(text string) int {
	kind, n := kindOf(text)
	if text[0] == ' ' && len(text) > 1 {
		if next, size := kindOf(text[1:]); next != spaces {
			kind, n = next, 1+size
		}
	}
	for n < len(text) {
		k, size := kindOf(text[n:])
		if k != kind || n+size > longestPiece {
			break
		}
		if kind == spaces && text[n] == ' ' && n+1 < len(text) {
			if next, _ := kindOf(text[n+1:]); next != spaces {
				break // it goes with what follows
			}
		}
		n += size
	}
	return n
}

// bpeHead starts an encoding's text form.
const bpeHead = "filigree-bpe 1\n"

// MarshalText returns the merges, in order, one a line.
func (b *BPE) MarshalText() ([]byte, error) {
	out := []byte(bpeHead)
	for _, p := range b.merges {
		out = fmt.Appendf(out, "%d %d\n", p.left, p.right)
	}
	return out, nil
}

// UnmarshalText reads what MarshalText wrote.
func (b *BPE) UnmarshalText(text []byte) error {
	rest, ok := bytes.CutPrefix(text, []byte(bpeHead))
	if !ok {
		return errors.New("data: byte-pair encoding: does not start with filigree-bpe 1")
	}
	read := newBPE()
	for i := 0; len(rest) > 0; i++ {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		left, right, _ := strings.Cut(string(line), " ")
		p, err := parsePair(left, right)
		if err != nil {
			return fmt.Errorf("data: byte-pair encoding: merge %d: %w", i, err)
		}
		_, twice := read.rank[p]
		if n := int32(len(read.text)); min(p.left, p.right) < firstByte || max(p.left, p.right) >= n || twice {
			return fmt.Errorf("data: byte-pair encoding: merge %d of tokens %d and %d: out of range or there already", i, p.left, p.right)
		}
		if n := len(read.text[p.left]) + len(read.text[p.right]); n > longestPiece {
			return fmt.Errorf("data: byte-pair encoding: merge %d gives %d bytes, more than %d", i, n, longestPiece)
		}
		read.add(p)
	}
	b.merges, b.rank, b.text, b.cache = read.merges, read.rank, read.text, read.cache
	return nil
}

func parsePair(left, right string) (p pair, err error) {
	l, err := strconv.ParseInt(left, 10, 32)
	if err != nil {
		return p, err
	}
	r, err := strconv.ParseInt(right, 10, 32)
	return pair{int32(l), int32(r)}, err
}

// learner keeps, for every pair, how often it comes and in which words, so that a merge
// touches only the words it changes.
type learner struct {
	words  [][]int32
	counts []int // of each word
	pairs  map[pair]*pairUse
	queue  pairQueue
	fresh  []pair // made by the merge under way
}

type pairUse struct {
	count int
	words []int32 // where it was seen; may hold words it has left, or one twice
}

func newLearner(texts []string) *learner {
	pieces := map[string]int{}
	for _, text := range texts {
		for len(text) > 0 {
			n := pieceLength(text)
			pieces[text[:n]]++
			text = text[n:]
		}
	}
	l := &learner{pairs: map[pair]*pairUse{}}
	for i, piece := range slices.Sorted(maps.Keys(pieces)) {
		l.words = append(l.words, bytesOf(piece))
		l.counts = append(l.counts, pieces[piece])
		l.count(i, l.counts[i], -1)
	}
	for p, use := range l.pairs {
		l.queue = append(l.queue, queued{p, use.count})
	}
	heap.Init(&l.queue)
	return l
}

// count adds n to the pairs of a word and notes the word with those that hold token, or
// with all where token is below 0.
func (l *learner) count(word, n int, token int32) {
	w := l.words[word]
	for i := range len(w) - 1 {
		p := pair{w[i], w[i+1]}
		use := l.pairs[p]
		if use == nil {
			use = &pairUse{}
			l.pairs[p] = use
			l.fresh = append(l.fresh, p)
		}
		use.count += n
		if n > 0 && (token < 0 || p.left == token || p.right == token) {
			use.words = append(use.words, int32(word))
		}
	}
}

// best takes the pair to merge next from the queue. A pair's count falls after it is
// queued but never rises, so a stale entry goes back with the count it has now.
func (l *learner) best() (pair, bool) {
	for len(l.queue) > 0 {
		top := &l.queue[0]
		use := l.pairs[top.pair]
		if use.count == top.count {
			return top.pair, top.count > 1
		}
		top.count = use.count
		heap.Fix(&l.queue, 0)
	}
	return pair{}, false
}

// merge makes a pair one token in all words.
func (l *learner) merge(p pair, token int32) {
	l.fresh = l.fresh[:0]
	heap.Pop(&l.queue)
	for _, word := range l.pairs[p].words {
		l.join(int(word), p, token)
	}
	for _, q := range l.fresh {
		heap.Push(&l.queue, queued{q, l.pairs[q].count})
	}
}

// join replaces a pair in a word, where it is, and counts the word's pairs anew.
func (l *learner) join(word int, p pair, token int32) {
	w := l.words[word]
	out := make([]int32, 0, len(w))
	for i := 0; i < len(w); i++ {
		if i+1 < len(w) && w[i] == p.left && w[i+1] == p.right {
			out = append(out, token)
			i++
			continue
		}
		out = append(out, w[i])
	}
	if len(out) == len(w) {
		return
	}
	l.count(word, -l.counts[word], token)
	l.words[word] = out
	l.count(word, l.counts[word], token)
}

// queued is a pair and the count it had when it was queued.
type queued struct {
	pair
	count int
}

// pairQueue has the most frequent pair in front.
type pairQueue []queued

func (q pairQueue) Len() int      { return len(q) }
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q pairQueue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[j].count, q[i].count), cmp.Compare(q[i].left, q[j].left), cmp.Compare(q[i].right, q[j].right)) < 0
}
func (q *pairQueue) Push(x any) { *q = append(*q, x.(queued)) }
func (q *pairQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
