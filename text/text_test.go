package text

import (
	"bufio"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
)

func all(t *testing.T, s string) []Sentence {
	t.Helper()
	var out []Sentence
	for one, err := range Sentences(strings.NewReader(s)) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, one)
	}
	return out
}

func TestSentences(t *testing.T) {
	for in, want := range map[string][]string{
		"One. Two! Three?":                 {"One.", "Two!", "Three?"},
		"Mr. Smith came. He sat.":          {"Mr. Smith came.", "He sat."},
		"J. R. Ewing won 3.5 points. Yes.": {"J. R. Ewing won 3.5 points.", "Yes."},
		`"Go." She went.`:                  {`"Go."`, "She went."},
		"He ate, e.g. Bread. So.":          {"He ate, e.g. Bread.", "So."},
		"No stop\n\nNew part":              {"No stop", "New part"},
		"":                                 nil,
	} {
		var got []string
		for _, s := range all(t, in) {
			got = append(got, s.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestPronounce(t *testing.T) {
	for word, want := range map[string]string{
		"hello":      "HH AH0 L OW1 | dictionary",
		"kettle's":   "K EH1 T AH0 L Z | parts",
		"houseboat":  "HH AW1 S B OW2 T | dictionary",
		"kettleless": "K EH1 T AH0 L L AH0 S | parts",
		"roundedly":  "R AW1 N D AH0 D L IY0 | parts",
		"blogged":    "B L AO1 G D | parts",
	} {
		ps, source := Pronounce(word)
		if got := strings.Join(ps, " ") + " | " + string(source); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
	if ps, source := Pronounce("日本"); ps != nil || source != Unspoken {
		t.Errorf("Japanese letters are spoken as %v", ps)
	}
}

func TestInlinePhonemes(t *testing.T) {
	s := Analyze("Say {T AH0 M AA1 T OW2} now")
	if got, want := strings.Join(s.Phonemes(), " "), "S EY1 T AH0 M AA1 T OW2 N AW1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if s := Analyze("Say {QQ} now"); len(s.Warnings) != 1 || len(s.Words) != 2 {
		t.Errorf("unknown phoneme: %d warnings, %d words", len(s.Warnings), len(s.Words))
	}
}

func TestBreaks(t *testing.T) {
	s := Analyze("Well, go.")
	if len(s.Words) != 2 || s.Words[0].After != PhraseBreak || s.Words[1].After != SentenceBreak {
		t.Errorf("%+v", s.Words)
	}
}

// A book is read whole; so is a line without an end, for which a reader in quadratic time would
// outlast the test.
func TestLongText(t *testing.T) {
	size := 10 << 20
	if testing.Short() {
		size = 1 << 20
	}
	for i, unit := range []string{"The kettle is on the stove. ", "a", "....", "é"} {
		if i > 0 {
			size = 1 << 20
		}
		bytes := 0
		for s, err := range Sentences(io.LimitReader(&repeat{unit: unit}, int64(size))) {
			if err != nil {
				t.Fatal(err)
			}
			bytes += len(s.Text)
		}
		if bytes < size*9/10 {
			t.Errorf("%q: %d bytes of %d", unit, bytes, size)
		}
	}
}

type repeat struct {
	unit string
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.unit[r.at%len(r.unit)]
		r.at++
	}
	return len(p), nil
}

func TestArcticSentences(t *testing.T) {
	f, err := os.Open(filepath.Join(testkit.Shared(t, "data/cathy-arctic"), "metadata.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	words, guessed := 0, []string{}
	for scan := bufio.NewScanner(f); scan.Scan(); {
		s := Analyze(strings.Split(scan.Text(), "|")[1])
		if len(s.Warnings) > 0 {
			t.Errorf("%s: %v", s.Text, s.Warnings)
		}
		for _, w := range s.Words {
			words++
			if len(w.Phonemes) == 0 {
				t.Errorf("%s has no phonemes", w.Text)
			}
			if w.Source == FromNetwork {
				guessed = append(guessed, w.Text)
			}
		}
	}
	t.Logf("%d words, guessed: %v", words, guessed)
	if words < 9000 || len(guessed) > 10 {
		t.Errorf("%d words, guessed: %v", words, guessed)
	}
}

func FuzzAnalyze(f *testing.F) {
	for _, s := range []string{"", "...", "$5.50 {AH0", "\xff\xfe", "12:60 1/0 0000 -", "{}{X}", "XIV 99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for s, err := range Sentences(strings.NewReader(in)) {
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range s.Phonemes() {
				if !Known(p) {
					t.Fatalf("%q: %s is no phoneme", in, p)
				}
			}
		}
	})
}

// Words no dictionary has are read by the network, accents aside.
func TestUnknownWords(t *testing.T) {
	for word, want := range map[string]string{
		"blicket": "B L IH1 K AH0 T", "zorp": "Z AO1 R P", "glimp": "G L IH1 M P", "fralling": "F R AO1 L IH0 NG",
	} {
		got, source := Pronounce(word)
		if strings.Join(got, " ") != want || source != FromNetwork {
			t.Errorf("%s: %v from %s, want %s", word, got, source, want)
		}
	}
	plain, _ := Pronounce("blorene")
	if accented, _ := Pronounce("blorêne"); !slices.Equal(plain, accented) || plain == nil {
		t.Errorf("with an accent %v, without %v", accented, plain)
	}
	if got, source := Pronounce("жук"); source != Unspoken {
		t.Errorf("%v from %s", got, source)
	}
	if got := embeddedReader().Read(strings.Repeat("abcdefghij", 1000)); len(got) < 5000 || len(got) > 20000 {
		t.Errorf("10,000 letters sound as %d phonemes", len(got))
	}
}

// What is cut short or changed is an error or reads as something, never a crash.
func FuzzOpenReader(f *testing.F) {
	m := func(M, K int) Matrix {
		w := Matrix{M, K, make([]float32, M*K)}
		for i := range w.Values {
			w.Values[i] = float32(i%5) - 2
		}
		return w
	}
	v := func(n int) []float32 { return make([]float32, n) }
	cell := func(C, H int) Cell { return Cell{m(3*H, C), m(3*H, H), v(3 * H), v(H)} }
	good := PackReader(ReaderFile{Alphabet: "ab", Chunks: []string{"", "B", "K S"}, Letters: m(2, 2), Before: m(4, 2),
		Ahead: cell(2, 3), Back: cell(2, 3), Decoder: cell(8, 2), Out: m(3, 2), OutBias: v(3)})
	if r, err := OpenReader(good); err != nil || len(r.Read("abba")) > 8 {
		f.Fatal(err)
	}
	if _, err := OpenReader(readerFile[:len(readerFile)/2]); err == nil {
		f.Error("half of the embedded network opens")
	}
	f.Add(good)
	f.Add(good[:len(good)-4])
	f.Add([]byte(readerMagic))
	f.Fuzz(func(t *testing.T, file []byte) {
		if r, err := OpenReader(file); err == nil && len(file) < 1<<12 {
			r.Read("abba")
		}
	})
}

func BenchmarkRead(b *testing.B) {
	r := embeddedReader()
	for b.Loop() {
		r.Read("bricolage")
	}
}

func BenchmarkAnalyze(b *testing.B) {
	line, words := "The kettle is on the stove, and it cost $5.50 in 1984.", 0
	for b.Loop() {
		words += len(Analyze(line).Words)
	}
	b.ReportMetric(float64(words)/b.Elapsed().Seconds(), "words/s")
}

func TestActivations(t *testing.T) {
	for x := -70.0; x < 70; x += 0.01 {
		if got, want := float64(sigmoid(float32(x))), 1/(1+math.Exp(-x)); math.Abs(got-want) > 1e-6 {
			t.Fatalf("sigmoid of %.2f: %v, want %v", x, got, want)
		}
		if got, want := float64(tanh(float32(x))), math.Tanh(x); math.Abs(got-want) > 1e-6 {
			t.Fatalf("tanh of %.2f: %v, want %v", x, got, want)
		}
	}
}
