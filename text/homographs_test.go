package text

import (
	"encoding/csv"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var labelled = flag.String("homographs", "", "folder of labelled sentences: the data of WikipediaHomographData")

// Every reading is made of phonemes, and one of them is the dictionary's.
func TestHomographTable(t *testing.T) {
	table := homographs()
	if len(table) < 140 {
		t.Errorf("%d words", len(table))
	}
	for _, w := range slices.Sorted(maps.Keys(table)) {
		h := table[w]
		if len(h.kinds) < 2 {
			t.Errorf("%s has one reading", w)
		}
		known := Lookup(w) == nil
		for _, ps := range h.phonemes {
			if err := checkPhonemes(ps); err != nil {
				t.Errorf("%s: %v", w, err)
			}
			known = known || w == "uses" || slices.EqualFunc(ps, Lookup(w), func(a, b string) bool { return strings.TrimRight(a, "012") == strings.TrimRight(b, "012") })
		}
		if !known {
			t.Errorf("%s: the dictionary reads it %v", w, Lookup(w))
		}
	}
}

// Sentences with a homograph, and what it sounds as.
func TestHomographs(t *testing.T) {
	for _, c := range []struct{ sentence, word, want string }{
		{"I will read the book.", "read", "R IY1 D"}, {"I have read the book.", "read", "R EH1 D"}, {"She read it yesterday.", "read", "R EH1 D"},
		{"Read the book.", "read", "R IY1 D"}, {"They want to read.", "read", "R IY1 D"}, {"It was widely read.", "read", "R EH1 D"},
		{"You can read it.", "read", "R IY1 D"}, {"He read a letter.", "read", "R EH1 D"},
		{"Take the lead.", "lead", "L IY1 D"}, {"A lead pipe.", "lead", "L EH1 D"}, {"They lead the way.", "lead", "L IY1 D"},
		{"We live here.", "live", "L IH1 V"}, {"A live show.", "live", "L AY1 V"}, {"They live in town.", "live", "L IH1 V"},
		{"She lives in Rome.", "lives", "L IH1 V Z"}, {"They saved our lives.", "lives", "L AY1 V Z"},
		{"The wind blew.", "wind", "W IH1 N D"}, {"Please wind the clock.", "wind", "W AY1 N D"},
		{"A tear ran down her cheek.", "tear", "T IH1 R"}, {"Do not tear the paper.", "tear", "T EH1 R"},
		{"A bow and arrow.", "bow", "B OW1"}, {"The bow of the ship.", "bow", "B AW1"},
		{"The use of tools.", "use", "Y UW1 S"}, {"Use the tools.", "use", "Y UW1 Z"}, {"We use it.", "use", "Y UW1 Z"},
		{"She uses a saw.", "uses", "Y UW1 Z IH0 Z"}, {"It has many uses.", "uses", "Y UW1 S IH0 Z"},
		{"I used to swim.", "used", "Y UW1 S T"}, {"It was used to cut.", "used", "Y UW1 Z D"}, {"He used a knife.", "used", "Y UW1 Z D"},
		{"Close the door.", "close", "K L OW1 Z"}, {"It is close to home.", "close", "K L OW1 S"}, {"A close friend.", "close", "K L OW1 S"}, {"We will close at five.", "close", "K L OW1 Z"},
		{"A world record.", "record", "R EH1 K ER0 D"}, {"We record the song.", "record", "R AH0 K AO1 R D"}, {"He records it.", "records", "R AH0 K AO1 R D Z"}, {"The old records.", "records", "R EH1 K ER0 D Z"},
		{"A present for you.", "present", "P R EH1 Z AH0 N T"}, {"I present my friend.", "present", "P R IY0 Z EH1 N T"},
		{"An object fell.", "object", "AA1 B JH EH0 K T"}, {"They object to it.", "object", "AH0 B JH EH1 K T"},
		{"We produce oil.", "produce", "P R AH0 D UW1 S"}, {"Fresh produce of the farm.", "produce", "P R OW1 D UW0 S"},
		{"They refuse to go.", "refuse", "R AH0 F Y UW1 Z"}, {"The refuse was burned.", "refuse", "R EH1 F Y UW2 Z"},
		{"A separate room.", "separate", "S EH1 P ER0 IH0 T"}, {"Separate the two.", "separate", "S EH1 P ER0 EY2 T"},
		{"An estimate of the cost.", "estimate", "EH1 S T AH0 M AH0 T"}, {"To estimate the cost.", "estimate", "EH1 S T AH0 M EY2 T"},
		{"In the desert.", "desert", "D EH1 Z ER0 T"}, {"Never desert your friends.", "desert", "D IH0 Z ER1 T"},
		{"Wait a minute.", "minute", "M IH1 N AH0 T"}, {"In minute detail.", "minute", "M AY0 N UW1 T"},
		{"A deep wound.", "wound", "W UW1 N D"}, {"It wound around the tree.", "wound", "W AW1 N D"},
		{"The Polish army.", "polish", "P OW1 L IH0 SH"}, {"Polish the silver.", "polish", "P AA1 L IH0 SH"},
		{"He plays bass.", "bass", "B EY1 S"}, {"We caught a bass in the lake.", "bass", "B AE1 S"},
		{"A dove sang.", "dove", "D AH1 V"}, {"He dove into the pool.", "dove", "D OW1 V"},
		{"The permit expired.", "permit", "P ER1 M IH2 T"}, {"They permit it.", "permit", "P ER0 M IH1 T"},
		{"The content of the letter.", "content", "K AA1 N T EH0 N T"}, {"He was content with it.", "content", "K AH0 N T EH1 N T"},
		{"In August.", "august", "AA1 G AH0 S T"}, {"An august body.", "august", "AA0 G AH1 S T"},
		{"A graduate of Yale.", "graduate", "G R AE1 JH AH0 W AH0 T"}, {"You will graduate in June.", "graduate", "G R AE1 JH AH0 W EY2 T"},
	} {
		found := false
		for _, w := range Analyze(c.sentence).Words {
			if w.Text == c.word {
				found = true
				if got := strings.Join(w.Phonemes, " "); got != c.want {
					t.Errorf("%s: %s, want %s", c.sentence, got, c.want)
				}
			}
		}
		if !found {
			t.Errorf("%s: no %s", c.sentence, c.word)
		}
	}
}

// distance is the edit distance of phonemes.
func distance(a, b []string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			change := 2 // another phoneme; 1 for another stress
			if a[i] == b[j] {
				change = 0
			} else if strings.TrimRight(a[i], "012") == strings.TrimRight(b[j], "012") {
				change = 1
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+change, row[j]+2, row[j+1]+2)
		}
	}
	return row[len(b)]
}

// With -homographs DIR, the share of the sentences of Gorman, Mazovetskiy and Nikolaev (LREC 2018) whose
// homograph is read right.
func TestLabelledHomographs(t *testing.T) {
	if *labelled == "" {
		t.Skip("no -homographs")
	}
	read := func(path string) [][]string {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := csv.NewReader(f)
		r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', false, -1
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows[1:]
	}
	ids := map[string]int{}
	for _, row := range read(filepath.Join(*labelled, "wordids.tsv")) {
		h, ok := homographs()[row[0]]
		ps, err := fromIPA(strings.NewReplacer("0", "", "1", "").Replace(row[3]))
		if !ok || err != nil {
			continue
		}
		best, sense := 0, map[string]string{"tear_nou": "cry", "tear_vrb": "rip", "axes_nou": "line", "axes_nou-vrb": "tool", "learned_adj": "wise", "aged_adj": "old"}[row[1]]
		if _, kind, _ := strings.Cut(row[1], "_"); sense == "" && h.has("n") && h.has("v") && kind != "" {
			sense = map[bool]string{true: "v", false: "n"}[strings.HasSuffix(kind, "vrb")]
		}
		if h.has(sense) {
			ids[row[1]] = h.reading(sense)
			continue
		}
		for i := range h.phonemes {
			if distance(h.phonemes[i], ps) < distance(h.phonemes[best], ps) {
				best = i
			}
		}
		ids[row[1]] = best
	}
	for _, part := range []string{"train", "eval"} {
		files, _ := filepath.Glob(filepath.Join(*labelled, part, "*.tsv"))
		right, all, sum, n := 0, 0, 0.0, 0
		var worst []string
		for _, file := range files {
			good, total, most := 0, 0, map[int]int{}
			word := ""
			for _, row := range read(file) {
				want, ok := ids[row[1]]
				h, known := homographs()[row[0]]
				if !ok || !known {
					continue
				}
				word = row[0]
				from, _ := strconv.Atoi(row[3])
				got, at := -1, len(Analyze(row[2][:min(from, len(row[2]))]).Words)
				ws := Analyze(row[2]).Words
				for d := range 4 { // the word may be one further where an abbreviation was cut
					for _, j := range []int{at + d, at - d} {
						if got < 0 && j >= 0 && j < len(ws) && ws[j].Text == row[0] {
							got = slices.IndexFunc(h.phonemes, func(ps []string) bool { return slices.Equal(ps, ws[j].Phonemes) })
						}
					}
				}
				if got < 0 {
					continue
				}
				total, most[want] = total+1, most[want]+1
				if got == want {
					good++
				} else if testing.Verbose() && os.Getenv("WORD") == row[0] {
					fmt.Println(h.kinds[got], "want", h.kinds[want], ":", row[2])
				}
			}
			if total == 0 {
				continue
			}
			right, all, sum, n = right+good, all+total, sum+float64(good)/float64(total), n+1
			worst = append(worst, fmt.Sprintf("%5.1f %s (%d; usual reading %.1f)", 100*float64(good)/float64(total), word, total, 100*float64(slices.Max(slices.Collect(maps.Values(most))))/float64(total)))
		}
		slices.SortFunc(worst, func(a, b string) int { return strings.Compare(a, b) })
		t.Logf("%s: %d of %d sentences right, %.1f %%; mean over %d words %.1f %%; worst:\n%s", part, right, all, 100*float64(right)/float64(all), n, 100*sum/float64(n), strings.Join(worst[:min(45, len(worst))], "\n"))
	}
}
