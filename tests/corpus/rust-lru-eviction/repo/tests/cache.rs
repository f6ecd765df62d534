use hotcache::Cache;

fn abc(limit: usize) -> Cache<u32> {
    let mut cache = Cache::new(limit);
    for (place, name) in ["a", "b", "c"].iter().enumerate() {
        cache.put(name, place as u32, 1);
    }
    cache
}

#[test]
fn keeps_and_gives() {
    let mut cache = abc(3);
    assert_eq!(cache.get("b"), Some(&1));
    assert_eq!(cache.get("x"), None);
    assert_eq!(cache.stats().hit_rate(), 50);
}

#[test]
fn oldest_is_forgotten() {
    let mut cache = abc(3);
    cache.put("d", 3, 1);
    assert_eq!(cache.peek("a"), None);
    assert_eq!((cache.len(), cache.stats().evicted), (3, 1));
}

#[test]
fn writing_is_use() {
    let mut cache = abc(9);
    cache.put("a", 7, 1);
    cache.put("d", 3, 7);
    assert_eq!((cache.peek("a"), cache.peek("b")), (Some(&7), None));
}

#[test]
fn looking_is_no_use() {
    let mut cache = abc(3);
    assert_eq!(cache.peek("a"), Some(&0));
    cache.put("d", 3, 1);
    assert_eq!(cache.peek("a"), None);
}

#[test]
fn heavy_values_push_out_several() {
    let mut cache = abc(3);
    assert!(cache.put("d", 3, 2));
    assert_eq!((cache.len(), cache.weight()), (2, 3));
}

#[test]
fn what_is_too_heavy_is_not_kept() {
    let mut cache = abc(3);
    assert!(!cache.put("d", 3, 4));
    assert!(!cache.put("a", 9, 4));
    assert_eq!((cache.len(), cache.peek("a")), (3, Some(&0)));
}

#[test]
fn removing_gives_room() {
    let mut cache = abc(3);
    assert_eq!(cache.remove("a"), Some(0));
    assert_eq!(cache.remove("a"), None);
    cache.put("d", 3, 1);
    assert_eq!((cache.len(), cache.stats().evicted), (3, 0));
}

#[test]
fn looking_does_not_count() {
    let cache = abc(3);
    cache.peek("a");
    assert_eq!(cache.stats().hits, 0);
}
