mod robustness;
mod surface;
