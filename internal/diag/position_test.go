package diag

import "testing"

func TestPosition(t *testing.T) {
	src := &Source{Text: "a\nbé foo bar\nlast"}
	tests := []struct {
		span             Span
		line, start, end int
	}{
		{Span{0, 1}, 1, 1, 2},
		{Span{6, 9}, 2, 4, 7},
		{Span{10, 18}, 2, 8, 11}, // to the end of the first line
		{Span{14, 14}, 3, 1, 2},
		{Span{90, 99}, 3, 5, 6},
	}
	for _, tt := range tests {
		line, start, end := src.Position(tt.span)
		if line != tt.line || start != tt.start || end != tt.end {
			t.Errorf("%v: %d:%d-%d, want %d:%d-%d", tt.span, line, start, end, tt.line, tt.start, tt.end)
		}
	}
}
