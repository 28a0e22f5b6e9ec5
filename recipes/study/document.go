package study

import (
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/seed073b5613/filigree/recipes/chart"
)

// document is a report before it is Markdown or HTML.
type document struct {
	title  string
	blocks []block
}

// block is a heading, a paragraph, a table or a chart.
type block struct {
	head  bool
	text  string // of a chart, its file's name without .svg
	table [][]string
	chart *chart.Chart
	sound *Sound
}

func (d *document) heading(text string) { d.blocks = append(d.blocks, block{head: true, text: text}) }
func (d *document) text(text string)    { d.blocks = append(d.blocks, block{text: text}) }
func (d *document) table(t [][]string)  { d.blocks = append(d.blocks, block{table: t}) }
func (d *document) chart(name string, c chart.Chart) {
	d.blocks = append(d.blocks, block{text: name, chart: &c})
}

// Section is a part of a report besides the tables of its groups.
type Section struct {
	Title  string
	Text   []string     // paragraphs
	Tables [][][]string // the first line of each is its head
	Charts []Figure
	Sounds []Sound
}

// Sound is something to hear, with a picture of it. Only the page in HTML has it.
type Sound struct {
	Title    string
	WAV, PNG []byte
}

// Figure is a chart with the name of its file, without .svg.
type Figure struct {
	Name  string
	Chart chart.Chart
}

func (d *document) section(s Section) {
	d.heading(s.Title)
	for _, text := range s.Text {
		d.text(text)
	}
	for _, t := range s.Tables {
		d.table(t)
	}
	for _, f := range s.Charts {
		d.chart(f.Name, f.Chart)
	}
	for i := range s.Sounds {
		d.blocks = append(d.blocks, block{sound: &s.Sounds[i]})
	}
}

// Page writes sections as one HTML page that needs nothing else.
func Page(w io.Writer, title string, sections ...Section) error {
	d := &document{title: title}
	for _, s := range sections {
		d.section(s)
	}
	return d.html(w)
}

func (d *document) markdown(w io.Writer) error {
	fmt.Fprintf(w, "# %s\n", d.title)
	for _, b := range d.blocks {
		switch {
		case b.head:
			fmt.Fprintf(w, "\n## %s\n", b.text)
		case b.chart != nil:
			fmt.Fprintf(w, "\n![%s](%s.svg)\n", b.chart.Title, b.text)
		case b.sound != nil: // not in Markdown
		case b.table != nil:
			fmt.Fprintln(w)
			for i, line := range b.table {
				fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
				if i == 0 {
					fmt.Fprintln(w, "|"+strings.Repeat("---|", len(line)))
				}
			}
		default:
			fmt.Fprintf(w, "\n%s\n", b.text)
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

func (d *document) html(w io.Writer) error {
	fmt.Fprintf(w, `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>%[1]s</title>
<style>
body { font: 15px/1.45 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto }
td, th { border-bottom: 1px solid #ddd; padding: 3px 8px; text-align: left; vertical-align: top }
svg { max-width: 640px; width: 100%%; margin: 1em 0 }
img { max-width: 100%%; height: 12em }
</style>
<h1>%[1]s</h1>
`, html.EscapeString(d.title))
	for _, b := range d.blocks {
		switch {
		case b.head:
			fmt.Fprintf(w, "<h2>%s</h2>\n", html.EscapeString(b.text))
		case b.chart != nil:
			if err := chart.Write(w, *b.chart); err != nil {
				return err
			}
		case b.sound != nil:
			s := b.sound
			fmt.Fprintf(w, "<p>%s<br><audio controls src=\"data:audio/wav;base64,%s\"></audio><br><img alt=\"its mel spectrum\" src=\"data:image/png;base64,%s\"></p>\n",
				html.EscapeString(s.Title), base64.StdEncoding.EncodeToString(s.WAV), base64.StdEncoding.EncodeToString(s.PNG))
		case b.table != nil:
			fmt.Fprintln(w, "<table>")
			for i, line := range b.table {
				cell := "td"
				if i == 0 {
					cell = "th"
				}
				fmt.Fprint(w, "<tr>")
				for _, text := range line {
					fmt.Fprintf(w, "<%s>%s</%[1]s>", cell, html.EscapeString(text))
				}
				fmt.Fprintln(w, "</tr>")
			}
			fmt.Fprintln(w, "</table>")
		default:
			fmt.Fprintf(w, "<p>%s</p>\n", html.EscapeString(b.text))
		}
	}
	_, err := fmt.Fprintln(w, "</html>")
	return err
}
