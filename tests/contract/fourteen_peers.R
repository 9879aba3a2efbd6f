# Rscript tests/contract/fourteen_peers.R > tests/contract/fourteen_peers.json
#
# What mclust's me() makes of three data sets from the same responsibilities, those of their classes,
# with each of its fourteen models: log-likelihood and number of parameters; of VVE, whose M-step
# mclust does not maximise, the mixture as well.
suppressMessages(library(mclust))
data(banknote)
data(diabetes)
sets <- list(
  iris = list(as.matrix(iris[, 1:4]), iris[, 5]),
  banknote = list(as.matrix(banknote[, -1]), banknote[, 1]),
  diabetes = list(as.matrix(diabetes[, -1]), diabetes[, 1])
)
control <- emControl(tol = c(1e-12, 1e-12), itmax = c(1e5, 1e5))

number <- function(x) formatC(as.vector(x), digits = 17, format = "g")
list_of <- function(x) paste0("[", paste(x, collapse = ","), "]")
array_of <- function(x) {
  if (is.null(dim(x))) return(list_of(number(x)))
  list_of(apply(x, 1, array_of))
}
entry <- function(name, value) paste0('"', name, '":', value)
object <- function(entries) paste0("{", paste(entries, collapse = ",\n"), "}")

of_set <- function(set) {
  X <- unname(set[[1]])
  z <- unmap(set[[2]])
  fits <- lapply(mclust.options("emModelNames"), function(model) {
    me(data = X, modelName = model, z = z, control = control)
  })
  likelihoods <- sapply(fits, function(fit) entry(fit$modelName, number(fit$loglik)))
  counts <- sapply(fits, function(fit) {
    entry(fit$modelName, nMclustParams(fit$modelName, ncol(X), ncol(z)))
  })
  vve <- Filter(function(fit) fit$modelName == "VVE", fits)[[1]]$parameters
  covariances <- lapply(seq_along(vve$pro), function(k) array_of(vve$variance$sigma[, , k]))
  object(c(
    entry("rows", array_of(X)),
    entry("labels", list_of(as.integer(factor(set[[2]], levels = unique(set[[2]]))) - 1)),
    entry("log_likelihood", object(likelihoods)),
    entry("n_parameters", object(counts)),
    entry("VVE", object(c(
      entry("weights", array_of(vve$pro)),
      entry("means", array_of(t(vve$mean))),
      entry("covariances", list_of(covariances))
    )))
  ))
}
cat(object(c(
  entry("command", '"Rscript tests/contract/fourteen_peers.R"'),
  entry("mclust", paste0('"', packageVersion("mclust"), '"')),
  sapply(names(sets), function(name) entry(name, of_set(sets[[name]])))
)), "\n", sep = "")
