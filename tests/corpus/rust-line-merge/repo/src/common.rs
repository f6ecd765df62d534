/// A longest common subsequence, as pairs of places in `one` and `other`, in order.
pub fn common(one: &[&str], other: &[&str]) -> Vec<(usize, usize)> {
    let (rows, columns) = (one.len(), other.len());
    let mut longest = vec![vec![0_usize; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            longest[row][column] = if one[row] == other[column] {
                longest[row + 1][column + 1] + 1
            } else {
                longest[row + 1][column].max(longest[row][column + 1])
            };
        }
    }
    let (mut row, mut column, mut pairs) = (0, 0, Vec::new());
    while row < rows && column < columns {
        if one[row] == other[column] {
            pairs.push((row, column));
            row += 1;
            column += 1;
        } else if longest[row + 1][column] >= longest[row][column + 1] {
            row += 1;
        } else {
            column += 1;
        }
    }
    pairs
}
