package study

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed073b5613/filigree/recipes/chart"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

// Report is what a study found.
type Report struct {
	Orderings []Ordering `json:"orderings"`
	Runs      int        `json:"runs"`
	Failed    int        `json:"failed"`
	Missing   int        `json:"missing"` // not run yet
	Path      string     `json:"report"`
	HTML      string     `json:"html"`
}

// report writes report.md, report.html and the figures.
func (s *Study) report(ctx context.Context, runs []*run, o Options) (Report, error) {
	r := Report{Path: filepath.Join(o.Report, "report.md"), HTML: filepath.Join(o.Report, "report.html")}
	d := &document{title: s.Title}
	d.text("Source: " + s.Source + ". " + s.units())
	all := map[string][]row{}
	for g := range s.Groups {
		all[s.Groups[g].Key] = rows(&s.Groups[g], runs)
	}
	for _, x := range runs {
		switch {
		case x.err == nil:
			r.Runs++
		case errors.Is(x.err, fs.ErrNotExist) && o.Merge:
			r.Missing++
		default:
			r.Failed++
		}
	}
	d.text(fmt.Sprintf("%d runs, %d failed, %d missing.", r.Runs, r.Failed, r.Missing))
	for _, text := range s.Left {
		d.text(text)
	}
	r.Orderings = s.orderings(all)
	var more Findings
	if s.Further != nil {
		var err error
		if more, err = s.Further(ctx, o, o.finder(runs)); err != nil {
			return r, err
		}
		r.Orderings = append(r.Orderings, more.Orderings...)
	}
	d.verdicts(r.Orderings, s.Claims)
	for g := range s.Groups {
		if err := d.group(&s.Groups[g], all[s.Groups[g].Key]); err != nil {
			return r, err
		}
	}
	for _, section := range more.Sections {
		d.section(section)
	}
	if e := environment(runs); e != "" {
		d.text(e)
	}
	return r, d.write(o.Report, r.Path, r.HTML)
}

// finder returns a function that finds the directory of a finished run.
func (o Options) finder(runs []*run) func(group, label string, seed int) (string, bool) {
	return func(group, label string, seed int) (string, bool) {
		for _, r := range runs {
			if r.err == nil && r.group.Key == group && r.entry.Label == label && r.seed == uint64(seed) {
				return o.path(r), true
			}
		}
		return "", false
	}
}

// units says what the figures of the tables are.
func (s *Study) units() string {
	text := "Mean ± standard deviation over the seeds"
	if slices.ContainsFunc(s.Groups, func(g Group) bool { return g.Columns == nil }) {
		text += "; work in multiples of dense training for the same number of steps, counted as in arXiv:1911.11134, appendix H"
	}
	return text + "."
}

// orderings judges the claims.
func (s *Study) orderings(all map[string][]row) []Ordering {
	var out []Ordering
	for _, c := range s.Claims {
		find := func(label string) row {
			for _, r := range all[c.Group] {
				if r.Label == label {
					return r
				}
			}
			panic(fmt.Sprintf("study: %s: a claim is about %q of %s, which is not there", s.Name, label, c.Group))
		}
		a, b := find(c.A), find(c.B)
		task := tasks.Task{}
		for _, g := range s.Groups {
			if g.Key == c.Group {
				task, _ = tasks.Find(g.Task)
			}
		}
		out = append(out, judge(c, a, b, task.Metric))
	}
	return out
}

// environment says where the runs were made.
func environment(runs []*run) string {
	var envs []train.Env
	for _, x := range runs {
		if x.err == nil {
			envs = append(envs, x.result.Machine)
		}
	}
	return made(envs)
}

// made says where runs were made.
func made(envs []train.Env) string {
	var commits, machines []string
	for _, m := range envs {
		machine := fmt.Sprintf("%s on %s/%s, %s with %s kernels, %d cores", m.Go, m.OS, m.Arch, m.CPU, m.Level, m.Cores)
		if !slices.Contains(machines, machine) {
			machines = append(machines, machine)
		}
		if c := m.Commit[:min(len(m.Commit), 12)]; c != "" && !slices.Contains(commits, c) {
			commits = append(commits, c)
		}
	}
	if machines == nil {
		return ""
	}
	return "Made with " + strings.Join(machines, "; ") + "; one thread a run. Commits of the program: " + strings.Join(commits, ", ") + "."
}

func (d *document) verdicts(os []Ordering, claims []Claim) {
	if len(os) == 0 {
		return
	}
	d.heading("Orderings")
	d.text("> is better, ≥ better or the same, ≈ the same. The difference is the mean over pairs of runs with the same seed, with its standard error: > asks for more than that, ≥ for no more the other way, ≈ for no more than twice that either way. One seed shows nothing.")
	table := [][]string{{"claim", "", "figures"}}
	for i, o := range os {
		figures := o.Figures
		if i < len(claims) && claims[i].Explanation != "" {
			figures += ". " + claims[i].Explanation
		}
		table = append(table, []string{o.Claim, o.Verdict(), figures})
	}
	d.table(table)
}

// group writes the table and the charts of one task.
func (d *document) group(g *Group, rs []row) error {
	task, err := tasks.Find(g.Task)
	if err != nil {
		return err
	}
	m := task.Metric
	d.heading(g.Title)
	if g.Note != "" {
		d.text(g.Note)
	}
	d.results(g, rs, m)
	for _, r := range rs {
		for _, err := range r.failed {
			if !errors.Is(err, fs.ErrNotExist) {
				d.text(r.Label + ", " + err.Error())
			}
		}
	}
	charts := []chart.Chart{byWork(g, rs, m), bySparsity(g, rs, m), byLayer(g, rs)}
	if g.Columns != nil {
		charts = []chart.Chart{byTime(g, rs, m)}
	}
	for i, name := range []string{"work", "sparsity", "layers"}[:len(charts)] {
		if len(charts[i].Series) > 0 {
			d.chart(g.Key+"-"+name, charts[i])
		}
	}
	return nil
}

// results writes the table of a group.
func (d *document) results(g *Group, rs []row, m tasks.Metric) {
	if g.Columns != nil {
		d.costs(g, rs, m)
		return
	}
	table := [][]string{{"run", "sparsity", "test " + m.Label + m.Unit, "median", "seeds", "non-zero", "work to train", "work to run", "ms a step", "explored", "paper"}}
	for _, r := range rs {
		line := []string{r.Label, "", "", "", fmt.Sprint(len(r.results)), "", "", "", "", "", r.Paper}
		if len(r.results) > 0 {
			each, mean, sd := r.scores(m)
			x := r.results[0]
			line[1] = fmt.Sprintf("%.3f", x.Sparsity)
			line[2] = fmt.Sprintf("%.*f ± %.*f", m.Digits, mean, m.Digits, sd)
			line[3] = fmt.Sprintf("%.*f", m.Digits, median(each))
			line[5] = fmt.Sprint(x.Nonzeros)
			line[6] = fmt.Sprintf("%.3f", r.work(x, rs))
			line[7] = fmt.Sprintf("%.3f", x.TestFLOPsRatio*size(x, rs))
			line[8] = fmt.Sprintf("%.3g", r.stepMS())
			if x.Explored > 0 {
				line[9] = fmt.Sprintf("%.2f", x.Explored)
			}
		}
		table = append(table, line)
	}
	d.table(table)
}

// costs writes the table of a group with columns of its own.
func (d *document) costs(g *Group, rs []row, m tasks.Metric) {
	head := []string{"run", "test " + m.Label + m.Unit, "median", "seeds", "ms a step"}
	for _, c := range g.Columns {
		head = append(head, c.Title)
	}
	table := [][]string{head}
	for _, r := range rs {
		line := make([]string, len(head))
		line[0], line[3] = r.Label, fmt.Sprint(len(r.results))
		if len(r.results) > 0 {
			each, mean, sd := r.scores(m)
			line[1] = fmt.Sprintf("%.*f ± %.*f", m.Digits, mean, m.Digits, sd)
			line[2] = fmt.Sprintf("%.*f", m.Digits, median(each))
			line[4] = fmt.Sprintf("%.3g", r.stepMS())
			for i, c := range g.Columns {
				line[5+i] = c.Of(r.results[0])
			}
		}
		table = append(table, line)
	}
	d.table(table)
}

// stepMS returns the median time of a step.
func (r row) stepMS() float64 {
	var ms []float64
	for _, x := range r.results {
		ms = append(ms, x.StepMS)
	}
	return median(ms)
}

// byTime draws the score against the time of a step.
func byTime(g *Group, rs []row, m tasks.Metric) chart.Chart {
	c := chart.Chart{Title: g.Title + ": score against time", X: "ms a step", Y: m.Label + m.Unit, LogX: true}
	for _, r := range rs {
		if len(r.results) > 0 {
			_, mean, sd := r.scores(m)
			c.Series = append(c.Series, chart.Series{Name: r.Label, Points: true, X: []float64{r.stepMS()}, Y: []float64{mean}, Spread: []float64{sd}})
		}
	}
	return c
}

// work returns the FLOPs of a training in multiples of those of the group's dense one.
func (e *Entry) work(r tasks.Result, rs []row) float64 {
	return r.TrainFLOPsRatio * size(r, rs)
}

// size returns the cost of a network, were it dense, in multiples of that of the group's
// series "Dense".
func size(r tasks.Result, rs []row) float64 {
	macs := func(r tasks.Result) float64 {
		sum := float64(r.Others.DenseMACs)
		for _, l := range r.Layers {
			sum += float64(l.DenseMACs)
		}
		return sum
	}
	for _, x := range rs {
		if x.Series == "Dense" && len(x.results) > 0 {
			return macs(r) / macs(x.results[0])
		}
	}
	return 1
}

// byWork draws the score against the work of training.
func byWork(g *Group, rs []row, m tasks.Metric) chart.Chart {
	c := chart.Chart{Title: g.Title + ": score against work to train", X: "FLOPs in multiples of dense training", Y: m.Label + m.Unit, LogX: true}
	for _, name := range series(rs) {
		s := chart.Series{Name: name, Points: true}
		for _, r := range rs {
			if r.Series == name && len(r.results) > 0 {
				_, mean, sd := r.scores(m)
				s.X, s.Y, s.Spread = append(s.X, max(r.work(r.results[0], rs), 1e-4)), append(s.Y, mean), append(s.Spread, sd)
			}
		}
		if len(s.X) > 0 {
			c.Series = append(c.Series, s)
		}
	}
	return c
}

// bySparsity draws the score against the sparsity, beside that of the dense run.
func bySparsity(g *Group, rs []row, m tasks.Metric) chart.Chart {
	sparsity := func(r row) float64 { return r.results[0].Sparsity }
	there := slices.DeleteFunc(slices.Clone(rs), func(r row) bool { return len(r.results) == 0 })
	slices.SortStableFunc(there, func(a, b row) int { return cmp.Compare(sparsity(a), sparsity(b)) })
	c := chart.Chart{Title: g.Title + ": score against sparsity", X: "sparsity", Y: m.Label + m.Unit}
	for _, name := range series(rs) {
		s := chart.Series{Name: name}
		for _, r := range there {
			if r.Series == name && sparsity(r) > 0 {
				_, mean, sd := r.scores(m)
				s.X, s.Y, s.Spread = append(s.X, sparsity(r)), append(s.Y, mean), append(s.Spread, sd)
			}
		}
		if len(s.X) > 0 {
			c.Series = append(c.Series, s)
		}
	}
	if i := slices.IndexFunc(there, func(r row) bool { return r.Series == "Dense" }); i >= 0 && c.Series != nil {
		_, mean, _ := there[i].scores(m)
		c.Series = append(c.Series, chart.Series{Name: "Dense", Y: []float64{mean}, Level: true, Colour: "#000"})
	}
	return c
}

// byLayer draws the density of each layer for each method at the highest sparsity.
func byLayer(g *Group, rs []row) chart.Chart {
	highest := 0.0
	for _, r := range rs {
		if r.Settings.Method != "dense" {
			highest = max(highest, r.Settings.Sparsity)
		}
	}
	c := chart.Chart{Title: fmt.Sprintf("%s: sparsity of the layers at %.4g %%", g.Title, 100*highest), Y: "sparsity"}
	for _, r := range rs {
		if len(r.results) == 0 || r.Settings.Method == "dense" || r.Settings.Sparsity != highest {
			continue
		}
		s := chart.Series{Name: r.Series}
		var names []string
		for i, l := range r.results[0].Layers {
			names = append(names, strings.TrimSuffix(l.Name, ".weight"))
			s.X, s.Y = append(s.X, float64(i)), append(s.Y, 1-l.Density)
		}
		if c.Names == nil {
			c.Names = names
		}
		same := slices.IndexFunc(c.Series, func(o chart.Series) bool { return slices.Equal(o.Y, s.Y) })
		switch {
		case !slices.Equal(names, c.Names):
		case same < 0:
			c.Series = append(c.Series, s)
		case !strings.HasSuffix(c.Series[same].Name, " and others"):
			c.Series[same].Name += " and others"
		}
	}
	return c
}

// series lists the names of series in order.
func series(rs []row) []string {
	var out []string
	for _, r := range rs {
		if !slices.Contains(out, r.Series) {
			out = append(out, r.Series)
		}
	}
	return out
}

// write leaves the document as Markdown with its figures beside it, and as one HTML page.
func (d *document) write(dir, markdown, page string) error {
	for _, b := range d.blocks {
		if b.chart == nil {
			continue
		}
		err := train.WriteFile(filepath.Join(dir, b.text+".svg"), func(w io.Writer) error { return chart.Write(w, *b.chart) })
		if err != nil {
			return err
		}
	}
	if err := train.WriteFile(markdown, d.markdown); err != nil {
		return err
	}
	return train.WriteFile(page, d.html)
}
