//! Which links go against the flow: the back edges of a depth-first walk, roots first.

/// One flag for each link: true = it closes a cycle and has to be turned.
pub(super) fn back_links(n: usize, links: &[(u32, u32)]) -> Vec<bool> {
    let mut start = vec![0u32; n + 1];
    let mut indegree = vec![0u32; n];
    for &(a, b) in links {
        start[a as usize + 1] += 1;
        indegree[b as usize] += 1;
    }
    for v in 0..n {
        start[v + 1] += start[v];
    }
    let mut cursor = start.clone();
    let mut out = vec![0u32; links.len()];
    for (l, &(a, _)) in links.iter().enumerate() {
        out[cursor[a as usize] as usize] = l as u32;
        cursor[a as usize] += 1;
    }
    let mut back = vec![false; links.len()];
    // 0 new, 1 on the stack, 2 done
    let mut state = vec![0u8; n];
    let mut next: Vec<u32> = start[..n].to_vec();
    let roots = (0..n).filter(|&v| indegree[v] == 0).chain(0..n);
    let mut stack = Vec::new();
    for root in roots {
        if state[root] != 0 {
            continue;
        }
        state[root] = 1;
        stack.push(root);
        while let Some(&v) = stack.last() {
            if next[v] == start[v + 1] {
                state[v] = 2;
                stack.pop();
                continue;
            }
            let l = out[next[v] as usize] as usize;
            next[v] += 1;
            let w = links[l].1 as usize;
            match state[w] {
                0 => {
                    state[w] = 1;
                    stack.push(w);
                }
                1 => back[l] = true,
                _ => {}
            }
        }
    }
    back
}
