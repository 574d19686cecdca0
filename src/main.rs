fn main(){
 let a:Vec<String>=std::env::args().collect();
 let s=std::fs::read(&a[1]).unwrap(); let t=std::fs::read(&a[2]).unwrap();
 let i=std::time::Instant::now();
 let d=nervecenter::delta::encode::encode(&s,&t);
 let e=i.elapsed();
 let b=nervecenter::delta::decode::decode(&s,&d,1<<30).unwrap();
 println!("{} {:?} {}",d.len(),e,b==t);
 std::fs::write("/tmp/o.vcdiff",&d).unwrap();
}
