package engines

// tableChunk is how many rows of a Table are made at a time.
const tableChunk = 1024

// A Table has a row for each descriptor. It grows in pieces, so that growing leaves nothing of its former self behind for
// the collector, and rows keep their place.
type Table[T any] struct {
	chunks []*[tableChunk]T
}

// At is a descriptor's row; nil where none was made.
func (t *Table[T]) At(fd int) *T {
	if i := uint(fd) / tableChunk; i < uint(len(t.chunks)) && t.chunks[i] != nil {
		return &t.chunks[i][uint(fd)%tableChunk]
	}
	return nil
}

// Make is At, and makes the row.
func (t *Table[T]) Make(fd int) *T {
	i := fd / tableChunk
	for i >= len(t.chunks) {
		t.chunks = append(t.chunks, nil)
	}
	if t.chunks[i] == nil {
		t.chunks[i] = new([tableChunk]T)
	}
	return &t.chunks[i][fd%tableChunk]
}

// Each visits the rows that were made, from the lowest descriptor on.
func (t *Table[T]) Each(f func(fd int, row *T)) {
	for i, chunk := range t.chunks {
		if chunk == nil {
			continue
		}
		for j := range chunk {
			f(i*tableChunk+j, &chunk[j])
		}
	}
}
