"""As people write it for SageMaker's scikit-learn container: nothing here knows this image."""

import argparse
import os

import joblib
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--n-estimators", type=int, default=100)
    parser.add_argument("--min-samples-leaf", type=int, default=1)
    parser.add_argument("--target", type=str, default="species")
    parser.add_argument("--model-dir", type=str, default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--train", type=str, default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--train-file", type=str, default="penguins.csv")
    args, _ = parser.parse_known_args()

    rows = pd.read_csv(os.path.join(args.train, args.train_file))
    X, y = rows.drop(columns=args.target), rows[args.target]
    columns = make_column_transformer(
        (SimpleImputer(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    forest = RandomForestClassifier(
        n_estimators=args.n_estimators, min_samples_leaf=args.min_samples_leaf, random_state=0
    )
    model = make_pipeline(columns, forest).fit(X, y)
    print("train accuracy:", model.score(X, y))
    joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))
