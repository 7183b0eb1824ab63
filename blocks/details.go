package blocks

import (
	"strings"

	"github.com/slack-go/slack"
)

// DetailsModal shows a request in full: every fact uncut as far as Slack takes
// it, and every name on a line of its own.
func DetailsModal(v CardView) slack.ModalViewRequest {
	r := v.Request
	list := []slack.Block{
		slack.NewHeaderBlock(plainText(heading(r)), slack.HeaderBlockOptionBlockID("what")),
		section("status", markdown(statusLine(v).mrkdwn())),
	}
	d := details{blocks: list, left: maxAllDetails}
	if t := visible(r.Title, maxText); t != "" {
		d.paragraph("title", t)
	}
	for _, f := range r.Facts {
		if len(r.SANs) > 0 && isSANLabel(f.Label) {
			continue
		}
		d.fact(or(visible(f.Label, maxLabel)), or(visible(f.Value, maxChunk)))
	}
	d.names(sanNames(r.SANs))
	ids := newBlockIDs(r.ID, v.State, "details")
	d.blocks = append(d.blocks, said(ids, v)...)
	d.blocks = append(d.blocks, notes(ids, r)...)
	d.blocks = append(d.blocks, earlier(ids, v.Earlier)...)
	d.blocks = append(d.blocks, smallPrint(ids, r)...)
	return modal("Request in full", d.blocks...)
}

// details collects blocks as long as there is room.
type details struct {
	blocks []slack.Block
	facts  []slack.RichTextSectionElement
	left   int
}

func (d *details) paragraph(id, s string) {
	d.left -= runes(s)
	d.blocks = append(d.blocks, section(id, plainText(s)))
}

func (d *details) fact(label, value string) {
	d.blocks = append(d.blocks, slack.NewRichTextBlock("", slack.NewRichTextSection(bold(label), text("\n"+value))))
}

func (d *details) names(names []string) {
	if len(names) == 0 {
		return
	}
	d.blocks = append(d.blocks, slack.NewRichTextBlock("", preformatted(strings.Join(names, "\n"))))
}
